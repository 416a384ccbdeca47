import { describeRunLogContract } from '@chat-transport/contract';
import { defaultRetentionMs, type RunInit, type RunLog } from '@chat-transport/core/provider';
import { type LocalSupabase, startLocalSupabase } from '@chat-transport/local-services';
import { schemaSql } from '@chat-transport/postgres';
import { createClient, type SupabaseClient } from '@supabase/supabase-js';
import pg from 'pg';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { type CallFunction, functionsSql, supabase } from '../src/server.ts';
import { appSql, policiesSql } from '../test/support/supabase-project.ts';

let project: LocalSupabase;
let pool: pg.Pool;
beforeAll(async () => {
  project = await startLocalSupabase({ sql: [appSql, schemaSql(), policiesSql, functionsSql()] });
  pool = new pg.Pool({ connectionString: project.postgres.url, max: 2 });
});
afterAll(async () => {
  await pool.end();
  await project.close();
});

let requests = 0;
const counted: typeof fetch = (input, init) => {
  requests += 1;
  return fetch(input, init);
};

function clientWith(key: string): SupabaseClient {
  const auth = { persistSession: false, autoRefreshToken: false };
  return createClient(project.url, key, { auth, global: { fetch: counted } });
}

/** The adapter of the README. */
function callAs(client: SupabaseClient): CallFunction {
  return (name, parameters) => client.rpc(name, parameters);
}

function open(): RunLog {
  const { log } = supabase({ rpc: callAs(clientWith(project.serviceKey)) });
  onTestFinished(() => log.close());
  return log;
}

const init: RunInit = {
  ...{ chatId: 'c', runId: 'r', digest: 'd', messages: [], leaseMs: 10_000, fence: 'f' },
  start: { trigger: 'submit-message', from: '', messageId: 'm', before: null, tail: [] },
};

it('a frame is one request, broadcast and byte for byte what was written', async () => {
  const log = open();
  await log.begin(init);
  const before = requests;
  const chunks = [{ type: 'data-x', data: { z: '\u0000 \ud83d "', a: 1e21 } }] as const;
  await log.append(init, 'f', { at: 0, next: 1, chunks });
  expect(requests - before).toBe(1);
  const { frames } = await log.read(init, { from: 0 });
  expect(JSON.stringify(frames[0]?.chunks)).toBe(JSON.stringify(chunks));
  const { rows } = await pool.query(
    `select payload ->> 'frame' as frame from realtime.messages where topic = 'chat:c' order by inserted_at, ctid`,
  );
  expect(rows.map(({ frame }) => Object.keys(JSON.parse(frame)).at(-1))).toEqual(['start', 'chunks']);
  expect(rows[1].frame).toContain(JSON.stringify(chunks));
});

it('nobody but the secret key may call the functions, nor reach the tables', async () => {
  const user = clientWith(project.anonKey);
  const { data } = await user.auth.signUp({ email: 'user@example.com', password: 'a password' });
  expect(data.session).not.toBeNull();
  for (const client of [clientWith(project.anonKey), user]) {
    const { log } = supabase({ rpc: callAs(client) });
    onTestFinished(() => log.close());
    await expect(log.state('c')).rejects.toMatchObject({ code: 'provider-failed', retryable: false });
    expect((await client.schema('chat_transport').from('frames').select()).error).not.toBeNull();
  }
});

it('a project without the functions is refused, and one that does not answer is asked again', async () => {
  const client = clientWith(project.serviceKey);
  const missing = supabase({ rpc: (name, parameters) => client.rpc(`not_${name}`, parameters) });
  await expect(missing.log.state('c')).rejects.toMatchObject({ code: 'provider-failed', retryable: false });
  await expect(missing.log.state('c')).rejects.toThrow(/functionsSql/);
  let isDown = true;
  const away = createClient('http://127.0.0.1:9', project.serviceKey, { auth: { persistSession: false } });
  const flaky = supabase({ rpc: (name, parameters) => (isDown ? away : client).rpc(name, parameters) });
  await expect(flaky.log.state('c')).rejects.toMatchObject({ code: 'provider-failed', retryable: true });
  isDown = false;
  expect((await flaky.log.state('nobody')).turn).toBe(0);
  await Promise.all([missing.log.close(), flaky.log.close()]);
});

describeRunLogContract({
  name: 'supabase by rpc, over REST',
  supports: { clock: true, shared: true, durable: true },
  async createHarness() {
    // The functions have one place for all cases.
    await pool.query(`do $$ declare t text; begin
      for t in select tablename from pg_tables where schemaname = 'chat_transport' and tablename <> 'version' loop
        execute format('truncate chat_transport.%I', t);
      end loop; end $$`);
    // A call over REST takes long here, and runs of the cases have leases of a minute: the log's clock is slower than ours.
    const startedAt = Date.now();
    let aheadMs = 0;
    const now = () => startedAt + (Date.now() - startedAt) / 4 + aheadMs;
    const logs: RunLog[] = [];
    const another = (): RunLog => {
      const rpc = callAs(clientWith(project.serviceKey));
      const { log } = supabase({ rpc, now: () => Math.floor(now()) });
      logs.push(log);
      return log;
    };
    const log = another();
    return {
      log,
      retentionMs: defaultRetentionMs,
      async advance(ms) {
        aheadMs += ms;
      },
      second: async () => another(),
      async reopen() {
        await log.close();
        return another();
      },
      async dispose() {
        for (const each of logs) await each.close();
      },
    };
  },
});
