-- Who may listen to chats over Supabase Realtime, and who may broadcast. Run it after schema.sql of @chat-transport/postgres; it may run again.
--
-- Change `may_follow` where your chats are not in `public.chats (id text, user_id uuid)`, and 'chat:' where your `topicPrefix` is another.
-- In the project's Realtime settings, switch off "Allow public access", so that every channel is private.

-- Whether the user may read the chat of a topic. `security definer`: the answer does not depend on what else the user may read.
create or replace function chat_transport.may_follow(topic text) returns boolean
  language sql stable security definer set search_path = ''
  as $$
    select topic like 'chat:%' and exists (
      select from public.chats where id = substr(topic, length('chat:') + 1) and user_id = (select auth.uid())
    )
  $$;
revoke all on function chat_transport.may_follow(text) from public, anon;
grant usage on schema chat_transport to authenticated;
grant execute on function chat_transport.may_follow(text) to authenticated;

-- Select is to receive. There is no policy for a user's insert: only the server broadcasts.
drop policy if exists "chat-transport: users follow their chats" on realtime.messages;
create policy "chat-transport: users follow their chats" on realtime.messages
  for select to authenticated
  using (extension = 'broadcast' and chat_transport.may_follow((select realtime.topic())));

-- For `tokenFrom: 'server'`: `POST {api}/auth` signs a token of the role `anon` for one topic. Its bearer can do what everybody with the public key can,
-- and receive that topic.
drop policy if exists "chat-transport: a token follows its chat" on realtime.messages;
create policy "chat-transport: a token follows its chat" on realtime.messages
  for select to anon
  using (
    extension = 'broadcast'
    and (select nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'topic') = (select realtime.topic())
  );

-- The server's role: it writes the log and broadcasts, and nothing else. Your server may also log in as `postgres`, which may do all of this.
do $$ begin
  if not exists (select from pg_roles where rolname = 'chat_transport_server') then create role chat_transport_server nologin; end if;
end $$;
grant usage on schema chat_transport, realtime to chat_transport_server;
grant select, insert, update, delete on all tables in schema chat_transport to chat_transport_server;
grant execute on function realtime.send(jsonb, text, text, boolean) to chat_transport_server;
-- `realtime.send` runs as its caller and swallows errors: without this grant and this policy nothing arrives, and nobody is told.
grant insert on realtime.messages to chat_transport_server;
drop policy if exists "chat-transport: the server broadcasts" on realtime.messages;
create policy "chat-transport: the server broadcasts" on realtime.messages
  for insert to chat_transport_server
  with check (extension = 'broadcast' and topic like 'chat:%' and private);

-- The log has no API of its own.
revoke all on all tables in schema chat_transport from public, anon, authenticated;
