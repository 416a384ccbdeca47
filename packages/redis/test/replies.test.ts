import { expect, it } from 'vitest';
import { redisKeys } from '../src/redis-keys.ts';
import { entryId, toFrame, toRow } from '../src/replies.ts';

it('gives a frame’s offsets to its entry and takes them from it', () => {
  expect(entryId(0, 5)).toBe('0-5');
  expect(toFrame([entryId(120, 121), ['c', '[]']])).toEqual({ at: 120, next: 121, chunks: '[]' });
});

it('keeps all of a chat in one slot, and no two chats in one key', () => {
  const { chat, frames, changes, due } = redisKeys('app:');
  expect([chat('c1'), frames('c1'), changes('c1'), due]).toEqual([
    'app:{c1}',
    'app:c1:frames',
    'app:c1:changes',
    'app:due',
  ]);
});

it('reads a row, and says that there is none', () => {
  const factsOf = (row: RowReply) => toFacts('c1', nothing.with(4, row) as unknown as FactsReply);
  expect(factsOf(Array.from({ length: 12 }, () => null)).run).toBeUndefined();
  expect(factsOf(['2', 'd', null, 'f', '15000', '1000', '7', 'cancel', '900', '["c"]', '{}', 'r1']).run).toEqual({
    ...{ chatId: 'c1', runId: 'r1', turn: 2, digest: 'd', joinKey: undefined, fence: 'f' },
    ...{
      leaseMs: 15_000,
      leaseUntil: 1_000,
      next: 7,
      end: { reason: 'cancel', at: 900 },
      cancelIds: ['c'],
      start: '{}',
    },
  });
});
