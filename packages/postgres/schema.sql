-- The tables of @chat-transport/postgres, version 2. This may run again.
-- The lock makes processes that start at the same moment wait for one another.
select pg_advisory_xact_lock(hashtext('chat-transport schema'));
create schema if not exists "chat_transport";
create table if not exists "chat_transport".version (
  version int not null,
  one_row boolean primary key default true check (one_row)
);
create table if not exists "chat_transport".chats (
  chat_id text collate "C" primary key,
  version bigint not null,
  turn int not null,
  deleted_turn int not null default 0,
  parked text not null default '[]'
);
create table if not exists "chat_transport".messages (
  chat_id text collate "C" not null,
  position int not null,
  turn int not null,
  data text not null,
  primary key (chat_id, position)
);
create table if not exists "chat_transport".runs (
  id bigint generated always as identity primary key,
  chat_id text collate "C" not null,
  run_id text collate "C" not null,
  turn int not null,
  digest text not null,
  join_key text,
  fence text not null,
  attempt int not null default 1,
  lease_ms bigint not null,
  lease_until bigint not null,
  take_over_ms bigint not null default 0,
  next int not null,
  end_reason text,
  ended_at bigint,
  cancel_ids text not null,
  emptied boolean not null default false,
  unique (chat_id, run_id),
  unique (chat_id, turn)
) with (fillfactor = 20);
-- From version 1: runs that another writer may take over.
alter table "chat_transport".runs add column if not exists attempt int not null default 1;
alter table "chat_transport".runs add column if not exists take_over_ms bigint not null default 0;
-- No index may have lease_until or next in it: every append changes both, and without them the update stays within its page (HOT).
create index if not exists runs_open on "chat_transport".runs (id) where end_reason is null;
create index if not exists runs_ended on "chat_transport".runs (ended_at) where end_reason is not null;
-- Frames have at >= 0; -1 is the run's start, -2 its snapshot, -3 its context. Text and not jsonb: jsonb refuses some strings and reorders keys.
create table if not exists "chat_transport".frames (
  run bigint not null,
  at int not null,
  next int not null,
  size int not null,
  data text not null,
  primary key (run, at)
);
create table if not exists "chat_transport".steers (
  run bigint not null,
  position int not null,
  id text collate "C" not null,
  command text not null,
  receipt text,
  primary key (run, id)
);
create table if not exists "chat_transport".claims (
  chat_id text collate "C" not null,
  name text collate "C" not null,
  owner text not null,
  until bigint not null,
  primary key (chat_id, name)
);
insert into "chat_transport".version (version) values (2) on conflict (one_row) do update set version = excluded.version
  where version.version < excluded.version;
