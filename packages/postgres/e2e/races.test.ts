import { type PostgresServer, startPostgres, until } from '@chat-transport/local-services';
import type { UIMessage } from 'ai';
import type pg from 'pg';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { type PostgresQuery, postgresLog, schemaSql } from '../src/index.ts';
import { openPool, pgQuery } from '../test/support/pg.ts';

let server: PostgresServer;
let pool: pg.Pool;
beforeAll(async () => {
  server = await startPostgres();
  pool = openPool(server.url, { max: 20 });
  await pool.query(schemaSql());
});
afterAll(async () => {
  await pool.end();
  await server.close();
});

const init = (chatId: string, runId: string, messages: readonly UIMessage[] = []) => ({
  ...({ chatId, runId, digest: runId, messages, leaseMs: 60_000, fence: 'f' } as const),
  start: { trigger: 'submit-message', from: '', messageId: 'm', before: null, tail: [] } as const,
});
const frame = (at: number) => ({
  ...{ at, next: at + 1 },
  chunks: [{ type: 'text-delta', id: '0', delta: `${at} ` } as const],
});

/** A log on a connection of its own, whose next statement with `part` in its text runs, and commits only when the test says so. */
function openSlow(part: string, now?: () => number) {
  let ran = (): void => {};
  const hasRun = new Promise<void>((resolve) => {
    ran = resolve;
  });
  let commit = (): void => {};
  const mayCommit = new Promise<void>((resolve) => {
    commit = resolve;
  });
  const query: PostgresQuery = async (text, values) => {
    const client = await pool.connect();
    try {
      await client.query('begin');
      const { rows } = await client.query(text, [...values]);
      if (text.includes(part)) {
        ran();
        await mayCommit;
      }
      await client.query('commit');
      return rows;
    } finally {
      client.release();
    }
  };
  const log = postgresLog({ query, now });
  onTestFinished(() => log.close());
  return { log, hasRun, commit };
}

function open(now?: () => number) {
  const log = postgresLog({ query: pgQuery(pool), now });
  onTestFinished(() => log.close());
  return log;
}

const countOf = async (text: string): Promise<number> => (await pool.query(text)).rows[0].count;

/** Waits until so many statements wait for others to commit. */
async function untilWaiting(count: number): Promise<void> {
  await until(
    `${count} statements that wait`,
    async () =>
      (await countOf(`select count(*)::int as count from pg_stat_activity where wait_event_type = 'Lock'`)) >= count,
  );
}

it('a frame that another process appends while its chat is deleted is deleted with it', async () => {
  const { log: writer, hasRun, commit } = openSlow('.frames (run, at');
  const key = init('deleted', 'r');
  const log = open();
  await log.begin(key);
  await log.append(key, 'f', frame(0));
  const appended = writer.append(key, 'f', frame(1));
  await hasRun;
  const deleted = log.deleteChat('deleted');
  await untilWaiting(1);
  commit();
  await appended;
  expect((await deleted).ended?.next).toBe(2);
  expect((await log.append(key, 'f', frame(2))).end).toEqual({ reason: 'cancel' });
  expect(await countOf('select count(*)::int as count from chat_transport.frames')).toBe(0);
});

it('a sweep leaves the conversation of a chat alone whose next run begins at the same time', async () => {
  let aheadMs = 0;
  const now = (): number => Date.now() + aheadMs;
  const message = (id: string): UIMessage => ({ id, role: 'user', parts: [{ type: 'text', text: id }] });
  const log = open(now);
  const first = init('kept', 'first', [message('one')]);
  await log.begin(first);
  await log.end(first, 'f', { reason: 'finish' });
  // The first run's contents are over.
  aheadMs = 25 * 3_600_000;
  const { log: beginner, hasRun, commit } = openSlow('.messages (chat_id', now);
  const begun = beginner.begin(init('kept', 'next', [message('one'), message('two')]));
  await hasRun;
  await log.unfinished(10);
  commit();
  expect((await begun).type).toBe('started');
  expect((await log.state('kept')).messages.map(({ id }) => id)).toEqual(['one', 'two']);
});

it('processes that start at the same time make the tables together', async () => {
  const schema = 'made_together';
  const first = await pool.connect();
  await first.query('begin');
  await first.query(schemaSql({ schema }));
  const others = Promise.all(Array.from({ length: 7 }, () => pool.query(schemaSql({ schema }))));
  await untilWaiting(7);
  await first.query('commit');
  first.release();
  await others;
  const log = postgresLog({ query: pgQuery(pool), schema });
  onTestFinished(() => log.close());
  expect((await log.state('c')).turn).toBe(0);
});
