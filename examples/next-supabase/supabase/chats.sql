-- The app's own table: who has which chat. It may run again.
create table if not exists public.chats (
  id text primary key default gen_random_uuid()::text check (id ~ '^[0-9a-f-]{36}$'),
  user_id uuid not null default auth.uid() references auth.users (id) on delete cascade,
  created_at timestamptz not null default now()
);
alter table public.chats enable row level security;
grant select, insert on public.chats to authenticated;
drop policy if exists "users have their own chats" on public.chats;
create policy "users have their own chats" on public.chats
  to authenticated
  using (user_id = (select auth.uid()))
  with check (user_id = (select auth.uid()));
