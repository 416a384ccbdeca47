import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type NextServer, startNext } from '@chat-transport/example-support/next-server';
import { type LocalSupabase, startLocalSupabase } from '@chat-transport/local-services';

const sqlFiles = [
  new URL('../supabase/chats.sql', import.meta.url).href,
  import.meta.resolve('@chat-transport/postgres/schema.sql'),
  import.meta.resolve('@chat-transport/supabase/supabase-policies.sql'),
];

/** A Supabase project on this machine, with the SQL that the README names. */
export function startProject(): Promise<LocalSupabase> {
  return startLocalSupabase({ sql: sqlFiles.map((file) => readFileSync(fileURLToPath(file), 'utf8')) });
}

/** The built example on `port`, with a project. */
export function startExample(port: number, project: LocalSupabase): Promise<NextServer> {
  return startNext({
    folder: dirname(import.meta.dirname),
    port,
    env: {
      SUPABASE_URL: project.url,
      SUPABASE_PUBLISHABLE_KEY: project.anonKey,
      DATABASE_URL: project.postgres.url,
    },
  });
}
