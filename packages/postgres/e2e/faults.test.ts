import { FaultProxy } from '@chat-transport/contract';
import type { RunInit, RunLog } from '@chat-transport/core/provider';
import { type PostgresServer, startPgbouncer, startPostgres, until } from '@chat-transport/local-services';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { type PostgresListen, postgresLog, schemaSql } from '../src/index.ts';
import { openPool, pgListen, pgQuery } from '../test/support/pg.ts';

let server: PostgresServer;
let pool: pg.Pool;
beforeAll(async () => {
  server = await startPostgres({ settings: { max_connections: 40, autovacuum: 'off' } });
  pool = openPool(server.url);
  await pool.query(schemaSql());
});
afterAll(async () => {
  await pool.end();
  await server.close();
});

let chats = 0;
const init = (more: Partial<RunInit> = {}): RunInit => ({
  ...{ chatId: `c${chats++}`, runId: 'r', digest: 'd', messages: [], leaseMs: 60_000, fence: 'f' },
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
  it.each([
    ['killed', 'kill'],
    ['restarted', 'stop'],
  ] as const)(
    'is %s in mid-append has every frame that it acknowledged, and takes the others when it is back',
    async (_, end) => {
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
        await server[end]();
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
    },
  );

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
    const { log } = open({ statement_timeout: 2_000 });
    const key = init();
    await open().log.begin(key);
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

it('a connection that loses its network without an end fails its call, and the next call has another', async () => {
  const proxy = await FaultProxy.start(server.port);
  onTestFinished(() => proxy.close());
  const own = openPool(`postgres://postgres@${proxy.host}/postgres`, { query_timeout: 2_000 });
  const log = postgresLog({ query: pgQuery(own) });
  onTestFinished(() => log.close());
  const key = init();
  await until('a begun run', () => log.begin(key).catch(() => undefined));
  proxy.halfOpen();
  await expect(log.append(key, 'f', frame(0))).rejects.toMatchObject(unanswered);
  await until('an append over a new connection', () => log.append(key, 'f', frame(0)).catch(() => undefined));
  expect((await log.read(key, { from: 0 })).frames).toEqual([frame(0)]);
});

describe('a listening connection that', () => {
  /** A log whose notices come over a network that can fail. */
  async function openBehind(port: number) {
    const proxy = await FaultProxy.start(port);
    onTestFinished(() => proxy.close());
    const own = openPool(server.url);
    const heard = { count: 0 };
    const listenBehind = pgListen(`postgres://postgres@${proxy.host}/postgres`);
    const listen: PostgresListen = (channel, onNotice, onLost) => {
      const count = (payload: string): void => {
        heard.count += 1;
        onNotice(payload);
      };
      return listenBehind(channel, count, onLost);
    };
    const log = postgresLog({ query: pgQuery(own), listen });
    onTestFinished(async () => {
      await log.close();
      await own.end();
    });
    return { log, proxy, heard };
  }
  /** A writer's frame reaches a reader that waits in the other process. */
  async function expectNews(writer: RunLog, reader: RunLog, key: RunInit, at: number): Promise<void> {
    const read = reader.read(key, { from: at, waitMs: 50_000 });
    await writer.append(key, 'f', frame(at));
    expect((await read).frames).toEqual([frame(at)]);
  }

  it('loses its network without an end does not leave its readers without news, and is replaced', async () => {
    const { log: reader, proxy, heard } = await openBehind(server.port);
    const { log: writer } = open({}, true);
    const key = init();
    await writer.begin(key);
    const waiting = reader.read(key, { from: 0, waitMs: 50_000 });
    await until('a notice', () => heard.count > 0);
    const { accepted } = proxy;
    proxy.halfOpen();
    await until(
      'another connection',
      () => proxy.accepted > accepted,
      () => proxy.accepted,
      40_000,
    );
    await writer.append(key, 'f', frame(0));
    expect((await waiting).frames).toEqual([frame(0)]);
    const before = heard.count;
    await expectNews(writer, reader, key, 1);
    await until('a notice over the new connection', () => heard.count > before);
  });

  it('leads to a pooler, which passes no notice on, leaves the log polling', async () => {
    const bouncer = await startPgbouncer(server.port);
    onTestFinished(() => bouncer.close());
    const own = openPool(bouncer.url);
    const reader = postgresLog({ query: pgQuery(own), listen: pgListen(bouncer.url) });
    onTestFinished(async () => {
      await reader.close();
      await own.end();
    });
    const { log: writer } = open();
    const key = init();
    await writer.begin(key);
    for (let at = 0; at < 20; at += 1) await expectNews(writer, reader, key, at);
  });
});

describe('appending', () => {
  it('is one statement per frame, and updates the run within its page', async () => {
    const own = openPool(server.url, { max: 1 });
    // Tables of its own, whose statistics no other test adds to.
    const schema = 'counted';
    await own.query(schemaSql({ schema }));
    const asked: string[] = [];
    const query = pgQuery(own);
    const log = postgresLog({
      schema,
      query: (text, values) => {
        asked.push(text);
        return query(text, values);
      },
    });
    onTestFinished(async () => {
      await log.close();
      await own.end();
    });
    const key = init();
    await log.begin(key);
    const statements = asked.length;
    for (let at = 0; at < 500; at += 1) await log.append(key, 'f', frame(at));
    expect(asked.length - statements).toBe(500);
    const updates = await until('statistics', async () => {
      const { rows } = await pool.query(
        `select n_tup_upd::int as all, n_tup_hot_upd::int as hot from pg_stat_user_tables where schemaname = '${schema}' and relname = 'runs'`,
      );
      return rows[0].all >= 500 ? rows[0] : undefined;
    });
    expect(updates.hot).toBe(updates.all);
  });
});
