import { ChatTransportError } from '@chat-transport/core/provider';
import type { SqlDatabase } from './sql-database.ts';

/** The version of the tables below. */
const schemaVersion = 3;

/**
 * The log's tables. Every long text is in `chat_log_texts`, in parts, so that no row is long: those of a run (frames,
 * start, snapshot, steers) under the run's row id, a chat's messages under its own negative one. `data` comes last, so
 * that reading the other columns does not read it. The table has no second tree for its key: a Durable Object counts
 * that as another row written. `attempt` and `take_over_ms` are for runs that outlive their writer.
 */
const schema: readonly string[] = [
  `create table if not exists chat_log_version (version integer not null)`,
  `create table if not exists chat_log_chats (
    id integer primary key,
    chat_id text not null unique,
    turn integer not null,
    deleted_turn integer not null default 0,
    parked text not null default '[]'
  )`,
  `create table if not exists chat_log_runs (
    id integer primary key,
    chat_id text not null,
    run_id text not null,
    turn integer not null,
    digest text not null,
    join_key text,
    fence text not null,
    attempt integer not null default 1,
    lease_ms integer not null,
    lease_until integer not null,
    take_over_ms integer not null default 0,
    next integer not null,
    end_reason text,
    ended_at integer,
    cancel_ids text not null,
    pruned integer not null default 0,
    unique (chat_id, run_id),
    unique (chat_id, turn)
  )`,
  `create index if not exists chat_log_runs_ended on chat_log_runs (ended_at)`,
  `create table if not exists chat_log_texts (
    owner integer not null,
    at integer not null,
    part integer not null,
    next integer not null,
    length integer not null,
    data text not null,
    primary key (owner, at, part)
  ) without rowid`,
  `create table if not exists chat_log_steers (
    run integer not null,
    position integer not null,
    id text not null,
    length integer not null,
    outcome text,
    reason text,
    primary key (run, position),
    unique (run, id)
  ) without rowid`,
  `create table if not exists chat_log_claims (
    chat_id text not null,
    name text not null,
    owner text not null,
    until integer not null,
    primary key (chat_id, name)
  ) without rowid`,
];

/** What brings tables of version 2 to the present one. */
const fromVersion2: readonly string[] = [
  'alter table chat_log_runs add column take_over_ms integer not null default 0',
  `update chat_log_version set version = ${schemaVersion}`,
];

/**
 * Makes the tables where they are missing, and brings those of version 2 to the present one.
 * @throws ChatTransportError `provider-failed` when they are of another version.
 */
export function prepareSchema(database: SqlDatabase): void {
  database.transaction('write', () => {
    database.run(schema[0] ?? '');
    const found = database.all('select version from chat_log_version')[0]?.version;
    if (found === 2) {
      for (const statement of fromVersion2) database.run(statement);
    } else if (found !== undefined && found !== schemaVersion) {
      throw new ChatTransportError({
        code: 'provider-failed',
        message: `The log's tables have version ${found}; this package needs ${schemaVersion}. Use another file.`,
        retryable: false,
      });
    }
    for (const statement of schema) database.run(statement);
    if (found === undefined) database.run('insert into chat_log_version (version) values (?)', schemaVersion);
  });
}
