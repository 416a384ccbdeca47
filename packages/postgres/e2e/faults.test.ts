import type { RunInit } from '@chat-transport/core/provider';
import { type PostgresServer, startPostgres, until } from '@chat-transport/local-services';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { postgresLog, schemaSql } from '../src/index.ts';
import { openPool, pgListen, pgQuery } from '../test/support/pg.ts';

let server: PostgresServer;
let pool: pg.Pool;
beforeAll(async () => {
  server = await startPostgres({ settings: { max_connections: 40 } });
  pool = openPool(server.url);
  await pool.query(schemaSql());
});
afterAll(async () => {
  await pool.end();
  await server.close();
});

let chats = 0;
const init = (more: Partial<RunInit> = {}): RunInit => ({
  ...{ chatId: `c${chats++}`, runId: 'r', digest: 'd', messages: [], onBusy: 'reject', leaseMs: 60_000, fence: 'f' },
  start: { trigger: 'submit-message', from: '', messageId: 'm', before: null, tail: [] },
  ...more,
});
const frame = (at: number, delta = `${at} `) => ({
  ...{ at, next: at + 1 },
  chunks: [{ type: 'text-delta', id: '0', delta } as const],
});
const unanswered = { code: 'provider-failed', retryable: true };

/** A log of its own, on a pool of its own. */
function open(options: pg.PoolConfig = {}, listens = false) {
  const own = openPool(server.url, options);
  const log = postgresLog({ query: pgQuery(own), ...(listens && { listen: pgListen(server.url) }) });
  onTestFinished(async () => {
    await log.close();
    await own.end();
  });
  return { log, pool: own };
}

describe('a Postgres that', () => {
  it('is killed in mid-append has every frame that it acknowledged, and takes the others when it is back', async () => {
    const { log } = open({}, true);
    const key = init();
    await log.begin(key);
    let acknowledged = 0;
    let failures = 0;
    const writing = (async () => {
      while (acknowledged < 400) {
        try {
          await log.append(key, 'f', frame(acknowledged));
          acknowledged += 1;
        } catch (error) {
          expect(error).toMatchObject(unanswered);
          failures += 1;
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
      }
    })();
    for (const atLeast of [100, 250]) {
      await until('frames', () => acknowledged >= atLeast);
      await server.kill();
      await until('a refusal', () => failures > 0);
      failures = 0;
      await server.start();
    }
    await writing;
    const { frames } = await log.read(key, { from: 0 });
    expect(frames).toEqual(Array.from({ length: 400 }, (_, at) => frame(at)));
    // The listening connection is back as well.
    const reader = open({}, true).log;
    const heard = log.waitForCommand(key, 'f', { waitMs: 20_000 });
    await reader.command(key, { id: 'stop', type: 'cancel' });
    expect((await heard).end).toEqual({ reason: 'cancel' });
  });

  it('is read-only refuses to write, and goes on to be read', async () => {
    const { log } = open();
    const key = init();
    await log.begin(key);
    await log.append(key, 'f', frame(0));
    const { log: later } = open({ options: '-c default_transaction_read_only=on' });
    await expect(later.append(key, 'f', frame(1))).rejects.toMatchObject(unanswered);
    await expect(later.begin(init())).rejects.toMatchObject(unanswered);
    expect((await later.read(key, { from: 0 })).frames).toEqual([frame(0)]);
    await log.append(key, 'f', frame(1));
  });

  it('has no connections left refuses, and takes the same call when one is free', async () => {
    const { log } = open({ max: 1, connectionTimeoutMillis: 5_000, idleTimeoutMillis: 1 });
    const key = init();
    const hoard = openPool(server.url, { max: 60 });
    onTestFinished(() => hoard.end());
    const held: pg.PoolClient[] = [];
    // The superuser's reserved connections included.
    for (let refused = false; !refused; ) {
      await hoard.connect().then(
        (client) => held.push(client),
        () => {
          refused = true;
        },
      );
    }
    await expect(log.begin(key)).rejects.toMatchObject(unanswered);
    for (const client of held) client.release(true);
    const begun = await until('a begun run', () => log.begin(key).catch(() => undefined));
    expect(begun).toMatchObject({ type: 'started', fence: 'f' });
  });

  it('cancels a statement that waits too long leaves nothing half written', async () => {
    const { log } = open({ statement_timeout: 200 });
    const key = init();
    await log.begin(key);
    const blocker = await pool.connect();
    await blocker.query('begin');
    await blocker.query(`select from chat_transport.chats where chat_id = '${key.chatId}' for update`);
    await expect(log.command(key, { id: 'x', type: 'cancel' })).rejects.toMatchObject(unanswered);
    await blocker.query('rollback');
    blocker.release();
    expect((await log.state(key.chatId)).active?.runId).toBe('r');
    expect(await log.command(key, { id: 'x', type: 'cancel' })).toEqual({ outcome: 'delivered' });
  });

  it('has a full disk refuses frames whole, and goes on to be read', async () => {
    const small = await startPostgres({ maxFileKilobytes: 18 * 1024 });
    onTestFinished(() => small.close());
    const own = openPool(small.url);
    onTestFinished(() => own.end());
    await own.query(schemaSql());
    const log = postgresLog({ query: pgQuery(own) });
    onTestFinished(() => log.close());
    const key = init();
    await log.begin(key);
    let at = 0;
    // Random text, which Postgres cannot compress.
    const big = () => Array.from({ length: 16_000 }, () => crypto.randomUUID()).join('');
    await until('a refused frame', async () => {
      try {
        await log.append(key, 'f', frame(at, big()));
        at += 1;
      } catch (error) {
        expect(error).toMatchObject(unanswered);
        return true;
      }
    });
    expect(at).toBeGreaterThan(3);
    await expect(log.append(key, 'f', frame(at, big()))).rejects.toMatchObject(unanswered);
    const { run, frames } = await log.read(key, { from: at - 1 });
    expect(run.next).toBe(at);
    expect(frames).toHaveLength(1);
  });
});

describe('appending', () => {
  it('is one statement per frame, and updates the run within its page', async () => {
    const own = openPool(server.url, { max: 1 });
    const asked: string[] = [];
    const query = pgQuery(own);
    const log = postgresLog({
      query: (text, values) => {
        asked.push(text);
        return query(text, values);
      },
    });
    onTestFinished(async () => {
      await log.close();
      await own.end();
    });
    const updates = async (): Promise<{ all: number; hot: number }> => {
      const { rows } = await pool.query(
        `select n_tup_upd::int as all, n_tup_hot_upd::int as hot from pg_stat_user_tables where schemaname = 'chat_transport' and relname = 'runs'`,
      );
      return rows[0];
    };
    const key = init();
    await log.begin(key);
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    const [before, statements] = [await updates(), asked.length];
    for (let at = 0; at < 500; at += 1) await log.append(key, 'f', frame(at));
    expect(asked.length - statements).toBe(500);
    const after = await until('statistics', async () => {
      const now = await updates();
      return now.all >= before.all + 500 ? now : undefined;
    });
    expect(after.hot - before.hot).toBe(after.all - before.all);
  });
});
