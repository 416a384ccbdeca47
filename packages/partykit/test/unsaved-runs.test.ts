import { expect, test } from 'vitest';
import { maxUnsavedRuns, UnsavedRuns } from '../src/remote/unsaved-runs.ts';

test('a process that never sweeps remembers the newest runs alone', () => {
  const runs = new UnsavedRuns();
  for (let index = 0; index <= maxUnsavedRuns; index += 1) runs.add({ chatId: `c${index}`, runId: 'r' });
  expect(runs.chats().size).toBe(maxUnsavedRuns);
  expect(runs.chats()).not.toContain('c0');
});

test('a chat is remembered until each of its runs is saved', () => {
  const runs = new UnsavedRuns();
  for (const runId of ['r1', 'r2']) runs.add({ chatId: 'c', runId });
  runs.delete({ chatId: 'c', runId: 'r1' });
  expect([...runs.chats()]).toEqual(['c']);
  runs.delete({ chatId: 'c', runId: 'r2' });
  expect([...runs.chats()]).toEqual([]);
});
