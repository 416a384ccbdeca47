import { readFileSync } from 'node:fs';
import { type PgliteDatabase, startPglite } from '@chat-transport/local-services';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { postgresLog, schemaSql, schemaVersion } from '../src/index.ts';

/** The tables that version 1 of the schema made, with the rows that it wrote. Its times are about this one. */
const version1 = readFileSync(new URL('fixtures/version-1.sql', import.meta.url), 'utf8');
const now = 4_102_444_750_000;

let db: PgliteDatabase;
beforeAll(async () => {
  db = await startPglite();
});
afterAll(() => db.close());

it('brings tables of version 1 to the present one, any number of times, and keeps what they have', async () => {
  await db.exec(version1);
  const log = postgresLog({ query: db.query, now: () => now });
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
