import { readFileSync } from 'node:fs';
import { type PgliteDatabase, startPglite } from '@chat-transport/local-services';
import type { UIMessage } from 'ai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { postgresLog, pruneSql, schemaSql, schemaVersion } from '../src/index.ts';

/** The tables that version 1 of the schema made, with the rows that it wrote. Its times are about this one. */
const version1 = readFileSync(new URL('fixtures/version-1.sql', import.meta.url), 'utf8');
const nowOfVersion1 = 4_102_444_750_000;

// One PGlite for all of them: to start one takes longer than these tests.
let db: PgliteDatabase;
beforeAll(async () => {
  db = await startPglite();
});
afterAll(() => db.close());

it('is the file of the package', () => {
  expect(readFileSync(new URL('../schema.sql', import.meta.url), 'utf8')).toBe(schemaSql());
});

it('runs twice, in any schema, and keeps what is there', async () => {
  for (const schema of ['chat_transport', 'With "quotes" and spaces']) {
    await db.exec(schemaSql({ schema }));
    await db.exec(schemaSql({ schema }));
    const name = `"${schema.replaceAll('"', '""')}"`;
    expect(await db.query(`select version from ${name}.version`)).toEqual([{ version: schemaVersion }]);
  }
});

it('has no index on what every append changes', async () => {
  await db.exec(schemaSql());
  const rows = await db.query(
    `select indexdef from pg_indexes where schemaname = 'chat_transport' and tablename = 'runs'`,
  );
  expect(rows.length).toBeGreaterThan(3);
  for (const { indexdef } of rows) expect(indexdef).not.toMatch(/lease_until|next/);
});

describe('a database that is not ready is refused at the first use', () => {
  const open = (schema: string, role = 'postgres') =>
    postgresLog({
      schema,
      query: async (text, values) => {
        await db.exec(`set role ${role}`);
        try {
          return await db.query(text, values);
        } finally {
          await db.exec('reset role');
        }
      },
    });
  const refused = { code: 'provider-failed', retryable: false };

  it('without its tables, or with those of another version, until they are there', async () => {
    const log = open('later');
    await expect(log.state('c')).rejects.toMatchObject(refused);
    await expect(log.state('c')).rejects.toThrow(
      new RegExp(`schema version ${schemaVersion} .* no tables .* schema\\.sql`),
    );
    await db.exec(schemaSql({ schema: 'later' }));
    await db.exec('update later.version set version = 99');
    await expect(log.state('c')).rejects.toThrow(new RegExp(`schema version ${schemaVersion} .* version 99`));
    await db.exec(`update later.version set version = ${schemaVersion}`);
    expect((await log.state('c')).turn).toBe(0);
    await log.close();
  });

  it('with a role that has no rights, and then with no more than the documented ones', async () => {
    await db.exec(schemaSql({ schema: 'guarded' }));
    await db.exec('create role writer');
    const log = open('guarded', 'writer');
    await expect(log.state('c')).rejects.toMatchObject(refused);
    await expect(log.state('c')).rejects.toThrow(/may not use the log's tables .* usage on the schema "guarded"/);
    await db.exec('grant usage on schema guarded to writer');
    await db.exec('grant select, insert, update, delete on all tables in schema guarded to writer');
    const begun = await log.begin({
      ...{ chatId: 'c', runId: 'r', digest: 'd', messages: [], leaseMs: 60_000, fence: 'f' },
      start: { trigger: 'submit-message', from: '', messageId: 'm', before: null, tail: [] },
    });
    expect(begun.type).toBe('started');
    await log.close();
  });
});

it('brings tables of version 1 to the present one, any number of times, and keeps what they have', async () => {
  await db.exec('drop schema if exists chat_transport cascade');
  await db.exec(version1);
  const log = postgresLog({ query: db.query, now: () => nowOfVersion1 });
  const [over, active] = [
    { chatId: 'chat', runId: 'over' },
    { chatId: 'chat', runId: 'active' },
  ];
  await expect(log.state('chat')).rejects.toThrow(`schema version ${schemaVersion}`);
  await db.exec(schemaSql());
  await db.exec(schemaSql());
  expect(await db.query('select version from chat_transport.version')).toEqual([{ version: schemaVersion }]);

  const state = await log.state('chat');
  expect(state.messages.map(({ id }) => id)).toEqual(['m1', 'm2']);
  expect(state.runs.map(({ runId, turn, end }) => [runId, turn, end?.reason])).toEqual([
    ['over', 1, 'finish'],
    ['active', 2, undefined],
  ]);
  const text = (delta: string) => ({ type: 'text-delta', id: '0', delta }) as const;
  expect((await log.read(over, { from: 0 })).frames).toEqual([
    { at: 0, next: 2, chunks: [text('an '), text('answer\u0000')] },
  ]);
  // The run that was being written goes on: its writer has its fence, its place and its steer.
  const steer = { id: 's1', type: 'steer', parts: [{ type: 'text', text: 'shorter' }] };
  const news = await log.append(active, 'f2', { at: 1, next: 2, chunks: [text('!')] });
  expect(news).toEqual({ commands: [steer], cursor: 1 });
  expect((await log.end(active, 'f2', { reason: 'finish' })).end).toEqual({ reason: 'finish' });
  expect((await log.read(active, { from: 0 })).frames).toHaveLength(2);
  expect(await log.claim('chat', 'tool:1', 'somebody else', 1_000)).toBe(false);
  await log.close();
});

it('deletes what is past its retention by a job in the database, and nothing else', async () => {
  const schema = 'with a "job"';
  await db.exec(schemaSql({ schema }));
  const log = postgresLog({ query: db.query, schema });
  for (const runId of ['over', 'active']) {
    await log.begin({
      ...{ chatId: runId, runId, digest: 'd', messages: [], leaseMs: 60_000, fence: 'f' },
      start: { trigger: 'submit-message', from: '', messageId: 'm', before: null, tail: [] },
    });
  }
  await log.end({ chatId: 'over', runId: 'over' }, 'f', { reason: 'finish' });
  await db.exec(pruneSql({ schema }));
  expect((await log.state('over')).runs).toHaveLength(1);
  await db.exec(pruneSql({ schema, retentionMs: 0 }));
  expect((await log.state('over')).runs).toEqual([]);
  expect((await log.state('active')).active?.runId).toBe('active');
  await log.close();
});

it('waits behind a writer that came before, and has its turn when that one is gone', async () => {
  await db.exec(schemaSql());
  const now = 1_000_000;
  await db.exec(
    `insert into chat_transport.claims (chat_id, name, owner, until) values ('c', 'place:0', '', ${now + 2_000})`,
  );
  let questions = 0;
  let wait = (): void => {};
  const waited = new Promise<void>((resolve) => {
    wait = resolve;
  });
  const log = postgresLog({
    query: (text, values) => {
      // It asks for its place until it is in front: the clock stands still, so the other one's place does not end by itself.
      if (String(values[1]).startsWith('place:') && ++questions === 3) wait();
      return db.query(text, values);
    },
    now: () => now,
  });
  let hasBegun = false;
  const begun = log
    .begin({
      ...{ chatId: 'c', runId: 'r', digest: 'd', messages: [], leaseMs: 60_000, fence: 'f' },
      start: { trigger: 'submit-message', from: '', messageId: 'm', before: null, tail: [] },
    })
    .finally(() => {
      hasBegun = true;
    });
  await Promise.race([waited, begun]);
  expect(hasBegun).toBe(false);
  await db.exec(`delete from chat_transport.claims where name = 'place:0'`);
  expect(await begun).toMatchObject({ type: 'started' });
  expect(await db.query(`select name from chat_transport.claims where chat_id = 'c'`)).toEqual([]);
  await log.close();
});

/** How many rows of messages Postgres has looked at. */
async function rowsRead(): Promise<number> {
  await db.query('select pg_stat_force_next_flush()::text');
  const [row] = await db.query(
    `select (seq_tup_read + idx_tup_fetch)::text as count from pg_stat_user_tables
      where schemaname = 'chat_transport' and relname = 'messages'`,
  );
  return Number(row?.count);
}

it('reads what is new of a conversation, however long it is', async () => {
  await db.exec(schemaSql());
  // Other chats: in a table with one chat, reading the whole table is what Postgres takes for cheapest.
  await db.exec(`insert into chat_transport.messages (chat_id, position, turn, data)
    select 'c' || chat, position, 1, '{}' from generate_series(1, 200) chat, generate_series(0, 99) position`);
  const log = postgresLog({ query: db.query });
  const message = (id: string): UIMessage => ({ id, role: 'user', parts: [{ type: 'text', text: id }] });
  const begin = async (chatId: string, runId: string, messages: readonly UIMessage[]): Promise<void> => {
    const begun = await log.begin({
      // With a lease of 0 the run is over at once, and the next one may begin.
      ...{ chatId, runId, digest: runId, fence: runId, messages, leaseMs: 0 },
      start: { trigger: 'submit-message', from: '', messageId: 'a', before: null, tail: [] },
    });
    expect(begun.type).toBe('started');
  };
  const rowsOfNextRun = async (count: number, chatId: string): Promise<number> => {
    await begin(
      chatId,
      'first',
      Array.from({ length: count }, (_, index) => message(`m${index}`)),
    );
    await db.exec('analyze chat_transport.messages');
    const { messages } = await log.state(chatId);
    const before = await rowsRead();
    await begin(chatId, 'next', [...messages, message('new')]);
    expect((await log.state(chatId)).messages).toHaveLength(count + 1);
    return (await rowsRead()) - before;
  };
  const short = await rowsOfNextRun(11, 'short');
  expect(await rowsOfNextRun(5_001, 'long')).toBeLessThanOrEqual(2 * short);
  await log.close();
});
