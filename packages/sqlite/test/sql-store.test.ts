import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describeRunLogContract } from '@chat-transport/contract';
import { ChatTransportError, createStoreLog, defaultRetentionMs, type RunStart } from '@chat-transport/core/provider';
import type { UIMessage } from 'ai';
import { expect, it } from 'vitest';
import { sqliteLog } from '../src/index.ts';
import { nodeDatabase } from '../src/node-database.ts';
import { createSqlStore, type SqlDatabase, type SqlValue } from '../src/sql.ts';

/** A database with a Durable Object's limits: no transaction statements, no pragmas, no value above 2 MB. */
function strictDatabase(database: DatabaseSync): SqlDatabase {
  const inner = nodeDatabase(database);
  const check = (sql: string, values: readonly SqlValue[]): void => {
    if (/^\s*(pragma|begin|commit|rollback|savepoint)/i.test(sql)) throw new Error(`Not in a Durable Object: ${sql}`);
    for (const value of values) {
      const bytes = typeof value === 'string' ? Buffer.byteLength(value) : 0;
      if (bytes > 1_800_000) throw new Error(`A value of ${bytes} bytes.`);
    }
  };
  return {
    run(sql, ...values) {
      check(sql, values);
      inner.run(sql, ...values);
    },
    all(sql, ...values) {
      check(sql, values);
      return inner.all(sql, ...values);
    },
    transaction: (_, work) => inner.transaction('write', work),
  };
}

describeRunLogContract({
  name: 'the SQL store within the limits of a Durable Object',
  supports: { clock: true, shared: false, durable: false },
  async createHarness() {
    const database = new DatabaseSync(':memory:');
    let ahead = 0;
    const store = createSqlStore(strictDatabase(database), { now: () => Date.now() + ahead });
    const log = createStoreLog({ name: 'strict', store });
    return {
      log,
      retentionMs: defaultRetentionMs,
      async advance(ms) {
        ahead += ms;
      },
      async dispose() {
        await log.close();
        database.close();
      },
    };
  },
});

it('keeps its tables in a database that the app opened, and leaves it open', async () => {
  const database = new DatabaseSync(':memory:');
  const log = sqliteLog({ database });
  expect(await log.claim('chat', 'tool:1', 'a', 60_000)).toBe(true);
  await log.close();
  expect(database.prepare('select owner from chat_log_claims').all()).toEqual([{ owner: 'a' }]);
  database.close();
});

it('writes what is new of a conversation, however long it is', async () => {
  const database = new DatabaseSync(':memory:');
  const log = sqliteLog({ database });
  const message = (id: string): UIMessage => ({ id, role: 'user', parts: [{ type: 'text', text: id }] });
  const changes = (): number => Number(database.prepare('select total_changes() as count').get()?.count);
  const rowsOfNextRun = async (count: number, chatId: string): Promise<number> => {
    const begin = async (runId: string, messages: readonly UIMessage[]): Promise<void> => {
      const start: RunStart = { trigger: 'submit-message', from: '', messageId: 'a', before: null, tail: [] };
      // With a lease of 0 the run is over at once, and the next one may begin.
      const init = { chatId, runId, digest: runId, fence: runId, start, messages, leaseMs: 0 };
      expect((await log.begin(init)).type).toBe('started');
    };
    await begin(
      'first',
      Array.from({ length: count }, (_, index) => message(`m${index}`)),
    );
    const { messages } = await log.state(chatId);
    const before = changes();
    // A copy of what is known, as a client sends it, is not new.
    await begin('next', [...structuredClone(messages), message('new')]);
    expect((await log.state(chatId)).messages).toHaveLength(count + 1);
    return changes() - before;
  };
  expect(await rowsOfNextRun(5_001, 'long')).toBe(await rowsOfNextRun(11, 'short'));
  await log.close();
  database.close();
});

it('leaves no text of a conversation in the file after the retention', async () => {
  const database = new DatabaseSync(':memory:');
  let time = 1_000_000;
  const log = sqliteLog({ database, retentionMs: 10_000, now: () => time });
  const run = { chatId: 'chat', runId: 'run' };
  const message: UIMessage = { id: 'm', role: 'user', parts: [] };
  const start: RunStart = { trigger: 'submit-message', from: '', messageId: 'a', before: null, tail: [message] };
  const init = { ...run, digest: 'd', start, messages: [message], leaseMs: 5_000, fence: 'f' };
  await log.begin(init);
  await log.command(run, { id: 's', type: 'steer', parts: [{ type: 'text', text: 'shorter' }] });
  await log.claim('chat', 'tool:1', 'a', 5_000);
  const rows = (table: string): unknown => database.prepare(`select count(*) as count from ${table}`).get()?.count;
  const counts = (): unknown[] =>
    ['texts', 'steers', 'claims', 'runs', 'chats'].map((name) => rows(`chat_log_${name}`));
  expect(counts()).toEqual([3, 1, 1, 1, 1]);
  time += 15_000;
  await log.unfinished(1);
  expect(counts()).toEqual([0, 0, 0, 1, 1]);
  time += 10_000;
  await log.unfinished(1);
  expect(counts()).toEqual([0, 0, 0, 0, 1]);
  await log.close();
  database.close();
});

it('refuses tables of another version, and a file that is no database', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sqlite-log-'));
  try {
    const path = join(folder, 'newer.db');
    await sqliteLog({ path }).close();
    const database = new DatabaseSync(path);
    database.exec('update chat_log_version set version = 99');
    database.close();
    expect(() => sqliteLog({ path })).toThrow("The log's tables have version 99; this package needs 3.");
    await writeFile(join(folder, 'text.db'), 'This is no database, only a text. '.repeat(100));
    expect(() => sqliteLog({ path: join(folder, 'text.db') })).toThrow(ChatTransportError);
  } finally {
    await rm(folder, { recursive: true });
  }
});
