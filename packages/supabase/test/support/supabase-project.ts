import { readFileSync } from 'node:fs';
import {
  type RealtimeDatabase,
  type SupabaseRealtime,
  type SupabaseRealtimeOptions,
  startPglite,
  startSupabaseRealtime,
  supabaseSchemaSql,
} from '@chat-transport/local-services';
import { schemaSql } from '@chat-transport/postgres';
import { createClient, type SupabaseClient } from '@supabase/supabase-js';
import { SignJWT } from 'jose';

export const jwtSecret = 'the JWT secret of a project, 32 bytes or more';

/** The users of these tests. */
export const users = {
  owner: '11111111-1111-4111-8111-111111111111',
  stranger: '22222222-2222-4222-8222-222222222222',
} as const;

/** What a Supabase project of these tests has: its database, with the app's own table of chats, and Realtime. */
export interface SupabaseProject {
  readonly database: RealtimeDatabase;
  readonly realtime: SupabaseRealtime;
  /** Runs SQL of several statements. */
  exec(sql: string): Promise<unknown>;
  /** Gives a chat to a user. */
  addChat(chatId: string, userId?: string): Promise<void>;
  close(): Promise<void>;
}

export const policiesSql: string = readFileSync(new URL('../../supabase-policies.sql', import.meta.url), 'utf8');

export const appSql = `
create table if not exists public.chats (id text primary key, user_id uuid not null);
alter table public.chats enable row level security;
`;

/** Everything that a project's database needs, in the order of the README. */
export const projectSql: readonly string[] = [supabaseSchemaSql, appSql, schemaSql(), policiesSql];

/** A project on a PGlite in this process. */
export async function startProject(options: Partial<SupabaseRealtimeOptions> = {}): Promise<SupabaseProject> {
  const db = await startPglite();
  for (const sql of projectSql) await db.exec(sql);
  const project = await openProject(db, db.exec, options);
  return {
    ...project,
    async close() {
      await project.close();
      await db.close();
    },
  };
}

/** A project on a database that has `projectSql`, with a Realtime of its own. */
export async function openProject(
  database: RealtimeDatabase,
  exec: SupabaseProject['exec'],
  options: Partial<SupabaseRealtimeOptions> = {},
): Promise<SupabaseProject> {
  const realtime = await startSupabaseRealtime({ database, jwtSecret, deniedAfterMs: 200, ...options });
  return {
    database,
    realtime,
    exec,
    async addChat(chatId, userId = users.owner) {
      await database.query(
        'insert into public.chats (id, user_id) values ($1, $2::text::uuid) on conflict do nothing',
        [chatId, userId],
      );
    },
    close: () => realtime.close(),
  };
}

/** A token as Supabase's Auth signs it: of a user, or without one the project's public key. */
export function signToken(userId?: string, expiresInSeconds = 3600): Promise<string> {
  return new SignJWT({ role: userId ? 'authenticated' : 'anon', ...(userId && { sub: userId }) })
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .setExpirationTime(Math.floor(Date.now() / 1000) + expiresInSeconds)
    .sign(new TextEncoder().encode(jwtSecret));
}

/** The vendor's client, with a session whose tokens come from `token`. */
export async function openClient(
  url: string,
  token: () => Promise<string | null>,
  options: { readonly heartbeatIntervalMs?: number } = {},
): Promise<SupabaseClient> {
  return createClient(url, await signToken(), {
    accessToken: token,
    realtime: { heartbeatIntervalMs: 1_000, timeout: 5_000, ...options },
  });
}
