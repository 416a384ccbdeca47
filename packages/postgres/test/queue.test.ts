import { type PgliteDatabase, startPglite } from '@chat-transport/local-services';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { postgresLog, schemaSql } from '../src/index.ts';

let db: PgliteDatabase;
beforeAll(async () => {
  db = await startPglite();
  await db.exec(schemaSql());
});
afterAll(() => db.close());

it('waits behind a writer that came before, and has its turn when that one is gone', async () => {
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
      ...{ chatId: 'c', runId: 'r', digest: 'd', messages: [], onBusy: 'reject', leaseMs: 60_000, fence: 'f' },
      start: { trigger: 'submit-message', from: '', messageId: 'm', before: null, tail: [] },
    })
    .finally(() => {
      hasBegun = true;
    });
  await Promise.race([waited, begun]);
  expect(hasBegun).toBe(false);
  await db.exec(`delete from chat_transport.claims where name = 'place:0'`);
  expect(await begun).toMatchObject({ type: 'started' });
  expect(await db.query('select name from chat_transport.claims')).toEqual([]);
  await log.close();
});
