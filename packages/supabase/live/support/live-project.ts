import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { forwardUpgrades } from '@chat-transport/local-services';
import { schemaSql } from '@chat-transport/postgres';
import pg from 'pg';
import { supabasePlans } from '../../src/server.ts';
import type { HarnessProject } from '../../test/support/harness.ts';
import { appSql, policiesSql } from '../../test/support/supabase-project.ts';

/** A project elsewhere, hosted or on this machine. */
export interface LiveProject extends HarnessProject {
  close(): Promise<void>;
}

/** What a run needs: the project's URL, its public key, its JWT secret, and its database's connection string. */
const names = ['SUPABASE_URL', 'SUPABASE_PUBLISHABLE_KEY', 'SUPABASE_JWT_SECRET', 'DATABASE_URL'] as const;

/**
 * Opens the project that the environment names, and makes what the README has one make there. Use a project of its own: the suite makes `public.chats` and a
 * schema for each case, and keeps to the plan `SUPABASE_PLAN` (`free`).
 * @throws Error when a variable is missing. Without a project the suite fails: nothing of it is skipped.
 */
export async function openLiveProject(environment: NodeJS.ProcessEnv): Promise<LiveProject> {
  const missing = names.filter((name) => !environment[name]);
  if (missing.length > 0) throw new Error(`Set ${missing.join(', ')}: packages/supabase/README.md says how.`);
  const [url = '', publicKey = '', jwtSecret = '', connectionString] = names.map((name) => environment[name]);
  const plan = environment.SUPABASE_PLAN === 'pro' ? 'pro' : 'free';
  const pool = new pg.Pool({ connectionString, max: 10, query_timeout: 30_000 }).on('error', () => {});
  for (const sql of [appSql, schemaSql(), policiesSql]) await pool.query(sql);

  const { hostname, protocol, port } = new URL(url);
  const isSecure = protocol === 'https:';
  // The suite cuts and slows a connection of this machine, which leads there.
  const gateway = createServer((_, response) => void response.writeHead(404).end());
  forwardUpgrades(gateway, { host: hostname, port: Number(port || (isSecure ? 443 : 80)), isSecure });
  await once(gateway.listen(0, '127.0.0.1'), 'listening');
  return {
    project: {
      realtime: { port: (gateway.address() as AddressInfo).port },
      exec: (sql) => pool.query(sql),
    },
    query: async (text, values) => (await pool.query(text, [...values])).rows,
    keys: { publicKey, jwtSecret },
    plan,
    flushIntervalMs: supabasePlans[plan].flushIntervalMs,
    async close() {
      gateway.close();
      gateway.closeAllConnections();
      await pool.end();
    },
  };
}
