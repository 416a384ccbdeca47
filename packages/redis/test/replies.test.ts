import { expect, it } from 'vitest';
import { redisKeys } from '../src/redis-keys.ts';
import { entryId, type FactsReply, type RowReply, toFacts } from '../src/replies.ts';

const nothing: FactsReply = [5, '', 0, 0, null, null, null, null, null, null, null, [], null, null, null, null];

it('gives a frame’s offsets to its entry and takes them from it', () => {
  const frame = { at: 120, next: 121, chunks: '[]' };
  expect(entryId(frame)).toBe('120-1');
  const reply = nothing.with(9, [[entryId(frame), ['c', '[]']]]) as unknown as FactsReply;
  expect(toFacts('c1', reply).frames).toEqual([frame]);
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
  expect(factsOf(Array.from({ length: 14 }, () => null)).run).toBeUndefined();
  expect(
    factsOf(['2', 'd', null, 'f', '15000', '1000', '7', 'cancel', '900', '["c"]', '2', '60000', '{}', 'r1']).run,
  ).toEqual({
    ...{ chatId: 'c1', runId: 'r1', turn: 2, digest: 'd', joinKey: undefined, fence: 'f' },
    ...{
      attempt: 2,
      leaseMs: 15_000,
      leaseUntil: 1_000,
      takeOverMs: 60_000,
      next: 7,
      end: { reason: 'cancel', at: 900 },
      cancelIds: ['c'],
      start: '{}',
    },
  });
});
