import { DatabaseSync } from 'node:sqlite';
import { defaultRetentionMs, type RunInit } from '@chat-transport/core/provider';
import { expect, it, onTestFinished } from 'vitest';
import { sqliteLog } from '../src/index.ts';

const runs = 450;

it('empties a limited number of runs at a time, and all of them in the end', async () => {
  const database = new DatabaseSync(':memory:');
  let now = 1_000_000;
  const log = sqliteLog({ database, now: () => now });
  onTestFinished(async () => {
    await log.close();
    database.close();
  });
  for (let index = 0; index < runs; index += 1) {
    const init: RunInit = {
      ...{
        chatId: `chat-${index}`,
        runId: 'r',
        digest: 'd',
        fence: 'f',
        leaseMs: 15_000,
        messages: [],
      },
      start: { trigger: 'submit-message', from: '', messageId: 'm', before: null, tail: [] },
    };
    await log.begin(init);
    const chunks = [{ type: 'text-delta' as const, id: '0', delta: 'a' }];
    await log.append(init, 'f', { at: 0, next: 1, chunks });
    await log.end(init, 'f', { reason: 'finish' });
  }
  const texts = (): number => Number(database.prepare('select count(*) as value from chat_log_texts').get()?.value);
  const atFirst = texts();
  // Also a process that was away for longer than the runs' rows are kept leaves no text behind.
  now += 3 * defaultRetentionMs;
  await log.unfinished(1);
  expect(texts()).toBeGreaterThan(0);
  expect(texts()).toBeLessThan(atFirst);
  for (let sweeps = 0; sweeps < runs && texts() > 0; sweeps += 1) await log.unfinished(1);
  expect(texts()).toBe(0);
  await log.unfinished(1);
  expect(database.prepare('select count(*) as value from chat_log_runs').get()?.value).toBe(0);
});
