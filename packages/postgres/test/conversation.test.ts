import { type PgliteDatabase, startPglite } from '@chat-transport/local-services';
import type { UIMessage } from 'ai';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { postgresLog, schemaSql } from '../src/index.ts';

let db: PgliteDatabase;
beforeAll(async () => {
  db = await startPglite();
  await db.exec(schemaSql());
});
afterAll(() => db.close());

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
  // Other chats: in a table with one chat, reading the whole table is what Postgres takes for cheapest.
  await db.exec(`insert into chat_transport.messages (chat_id, position, turn, data)
    select 'c' || chat, position, 1, '{}' from generate_series(1, 200) chat, generate_series(0, 99) position`);
  const log = postgresLog({ query: db.query });
  const message = (id: string): UIMessage => ({ id, role: 'user', parts: [{ type: 'text', text: id }] });
  const begin = async (chatId: string, runId: string, messages: readonly UIMessage[]): Promise<void> => {
    const begun = await log.begin({
      ...{ chatId, runId, digest: runId, fence: runId, messages, leaseMs: 60_000, onBusy: 'interrupt' },
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
