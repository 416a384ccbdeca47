import { longestClaimMs, maxClaimsPerChat, type RunLog, type RunRecord } from '@chat-transport/core/provider';
import { expect } from 'vitest';
import type { LogCase } from './log-case.ts';
import {
  advance,
  endedRun,
  expectCode,
  newId,
  patienceMs,
  shortLeaseMs,
  startRun,
  until,
  within,
} from './log-helpers.ts';

// The store may be shared with other cases, whose runs are left out.
async function unfinishedOf(log: RunLog, chatId: string): Promise<readonly RunRecord[]> {
  return (await log.unfinished(100_000)).filter((run) => run.chatId === chatId);
}

/** Claims, and the runs whose end nobody has taken care of. */
export const finishCases: readonly LogCase[] = [
  {
    id: 'claim/exclusive',
    title: 'gives a claim to one owner, who may extend it',
    async run({ log }) {
      const chatId = newId('chat');
      expect(await log.claim(chatId, 'tool:1', 'a', 60_000)).toBe(true);
      expect(await log.claim(chatId, 'tool:1', 'b', 60_000)).toBe(false);
      expect(await log.claim(chatId, 'tool:1', 'a', 60_000)).toBe(true);
      expect(await log.claim(chatId, 'tool:2', 'b', 60_000)).toBe(true);
      expect(await log.claim(newId('chat'), 'tool:1', 'b', 60_000)).toBe(true);
    },
  },
  {
    id: 'claim/race',
    title: 'gives a claim to one of many who ask at the same time',
    async run({ log }) {
      const chatId = newId('chat');
      const granted = await Promise.all(
        ['a', 'b', 'c', 'd'].map((owner) => log.claim(chatId, 'tool:1', owner, 60_000)),
      );
      expect(granted.filter(Boolean)).toHaveLength(1);
    },
  },
  {
    id: 'claim/expiry',
    title: 'gives a claim to the next owner when its time is over',
    async run({ log }) {
      const chatId = newId('chat');
      await log.claim(chatId, 'tool:1', 'a', 100);
      await until('the second claim', () => log.claim(chatId, 'tool:1', 'b', 60_000), Boolean);
      expect(await log.claim(chatId, 'tool:1', 'a', 60_000)).toBe(false);
    },
  },
  {
    id: 'claim/limit',
    title: 'refuses more claims of a kind than may last in a chat',
    async run({ log }) {
      const chatId = newId('chat');
      for (let count = 0; count < maxClaimsPerChat; count += 1) {
        expect(await log.claim(chatId, `tool:${count}`, 'a', 60_000)).toBe(true);
      }
      await expectCode('rate-limited', log.claim(chatId, 'tool:another', 'a', 60_000));
      expect(await log.claim(chatId, 'tool:0', 'a', 60_000)).toBe(true);
      expect(await log.claim(chatId, 'other:1', 'a', 60_000)).toBe(true);
    },
  },
  {
    id: 'claim/retention',
    title: 'keeps no claim longer than the retention',
    requires: ['clock'],
    async run(harness) {
      const { log, retentionMs } = harness;
      const { chatId } = await endedRun(log);
      await log.claim(chatId, 'tool:1', 'a', longestClaimMs);
      await advance(harness, retentionMs - 10_000);
      expect(await log.claim(chatId, 'tool:1', 'b', 60_000)).toBe(false);
      await advance(harness, 10_000);
      expect(await log.claim(chatId, 'tool:1', 'b', 60_000)).toBe(true);
    },
  },
  {
    id: 'unfinished/over',
    title: 'lists runs that are over, also those whose writer died, and no active one',
    async run({ log }) {
      const finished = await endedRun(log);
      const { chatId } = finished;
      const cancelled = await startRun(log, { chatId });
      await log.command(cancelled, { id: 'c1', type: 'cancel' });
      const lost = await startRun(log, { chatId, leaseMs: shortLeaseMs });
      await within('the end', log.read(lost, { from: 0, waitMs: patienceMs * 2 }));
      await startRun(log, { chatId });
      const runs = await unfinishedOf(log, chatId);
      expect(runs.map(({ turn, end, start }) => ({ turn, reason: end?.reason, start }))).toEqual([
        { turn: 1, reason: 'finish', start: finished.init.start },
        { turn: 2, reason: 'cancel', start: cancelled.init.start },
        { turn: 3, reason: 'lost', start: lost.init.start },
      ]);
    },
  },
  {
    id: 'unfinished/claimed',
    title: 'leaves out a run while somebody’s claim to finish it lasts',
    async run({ log }) {
      const { chatId, runId } = await endedRun(log);
      await log.claim(chatId, `finish:${newId('run')}`, 'a', 60_000);
      expect(await unfinishedOf(log, chatId)).toHaveLength(1);
      await log.claim(chatId, `finish:${runId}`, 'a', 200);
      // The claim may be over already on a slow machine, so only its end is waited for.
      await until(
        'the claim’s end',
        () => unfinishedOf(log, chatId),
        (runs) => runs.length === 1,
      );
      await log.claim(chatId, `finish:${runId}`, 'a', 60_000);
      expect(await unfinishedOf(log, chatId)).toEqual([]);
    },
  },
  {
    id: 'unfinished/limit',
    title: 'answers at most as many as asked',
    async run({ log }) {
      const { chatId } = await endedRun(log);
      await endedRun(log, { chatId });
      expect(await log.unfinished(1)).toHaveLength(1);
    },
  },
];
