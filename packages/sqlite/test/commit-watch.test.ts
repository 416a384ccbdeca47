import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { createLocalNotices, type LocalNotices, type RunInit, type RunLog } from '@chat-transport/core/provider';
import { beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { watchCommits } from '../src/commit-watch.ts';
import { sqliteLog } from '../src/index.ts';

const run = { chatId: 'changed', runId: 'r1' };
const fence = 'f1';
let there: RunLog;
let woken: string[];

function init(overrides: Partial<RunInit> = {}): RunInit {
  const start = { trigger: 'submit-message', from: '', messageId: 'm1', before: null, tail: [] } as const;
  return { ...run, digest: 'd', start, messages: [], leaseMs: 60_000, takeOverMs: 60_000, fence, ...overrides };
}

/** Waits until those who wait in a chat are woken so often. */
async function untilWoken(chatId: string, times: number): Promise<void> {
  await vi.waitFor(() => expect(woken.filter((each) => each === chatId)).toHaveLength(times), 20_000);
}

// One connection writes and another one waits in two chats.
beforeEach(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sqlite-log-'));
  there = sqliteLog({ path: join(folder, 'chats.db') });
  const database = new DatabaseSync(join(folder, 'chats.db'));
  const notices: LocalNotices = createLocalNotices({ whileListening: () => watchCommits(database, notices) });
  onTestFinished(async () => {
    notices.close();
    database.close();
    await there.close();
    await rm(folder, { recursive: true });
  });
  await there.begin(init());
  woken = [];
  for (const chatId of ['changed', 'other']) notices.listen(chatId, 'changes', () => woken.push(chatId));
  for (const chatId of ['changed', 'other']) await untilWoken(chatId, 1);
});

test('a commit in one chat wakes those who wait there, and nobody else', async () => {
  const steer = (id: string) => ({ id, type: 'steer' as const, parts: [{ type: 'text' as const, text: 'shorter' }] });
  const changes: readonly (() => Promise<unknown>)[] = [
    () => there.append(run, fence, { at: 0, next: 1, chunks: [{ type: 'start' }] }),
    () => there.command(run, steer('s1')),
    () => there.settle(run, fence, 's1', { outcome: 'delivered' }),
    () => there.release(run, fence),
    () => there.takeOver(run, { ifAttempt: 1, fence: 'f2', max: 1 }),
    () => there.end(run, 'f2', { reason: 'finish' }),
    () => there.begin(init({ runId: 'r2' })),
    () => there.command({ ...run, runId: 'r2' }, { id: 'c1', type: 'cancel' }),
    () => there.revoke('changed', { id: 'v1', userId: 'ann' }),
    () => there.deleteChat('changed'),
    () => there.begin(init({ runId: 'r3', messages: [] })),
  ];
  for (const [index, change] of changes.entries()) {
    await change();
    await untilWoken('changed', index + 2);
  }
  expect(woken.filter((chatId) => chatId === 'other')).toHaveLength(1);
});

test('a chat that nobody has written to wakes its first reader', async () => {
  await there.revoke('other', { id: 'v1' });
  await untilWoken('other', 2);
  await there.begin(init({ chatId: 'other' }));
  await untilWoken('other', 3);
});
