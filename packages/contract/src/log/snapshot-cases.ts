import { expect } from 'vitest';
import type { LogCase } from './log-case.ts';
import { advance, appendAll, endedRun, expectCode, newId, startRun, textFrame } from './log-helpers.ts';

/** The compacted copy of an ended run. */
export const snapshotCases: readonly LogCase[] = [
  {
    id: 'snapshot/kept',
    title: 'keeps the first snapshot of a run that is over, byte by byte',
    async run({ log }) {
      const run = await endedRun(log);
      const text = JSON.stringify(['é😀', '\u0000', '\ud800', 'x'.repeat(2_000_000)]);
      expect(await log.snapshot(run)).toBeUndefined();
      await log.saveSnapshot(run, text);
      await log.saveSnapshot(run, '[]');
      // Not `toBe` on megabytes: a failure would print them.
      expect((await log.snapshot(run)) === text).toBe(true);
    },
  },
  {
    id: 'snapshot/active',
    title: 'keeps no snapshot of a run that may still grow, and none of an unknown one',
    async run({ log }) {
      const started = await startRun(log);
      await log.saveSnapshot(started, '[1]');
      await appendAll(log, started, textFrame(0, 'a'));
      await log.end(started, started.fence, { reason: 'finish' });
      expect(await log.snapshot(started)).toBeUndefined();
      const unknown = { chatId: started.chatId, runId: newId('run') };
      expect(await log.snapshot(unknown)).toBeUndefined();
      await expectCode('not-found', log.saveSnapshot(unknown, '[1]'));
    },
  },
  {
    id: 'snapshot/retention',
    title: 'forgets a snapshot with its run, and takes none after that',
    requires: ['clock'],
    async run(harness) {
      const { log, retentionMs } = harness;
      const run = await endedRun(log);
      await log.saveSnapshot(run, '[1]');
      await advance(harness, retentionMs);
      expect(await log.snapshot(run)).toBeUndefined();
      await log.unfinished(1);
      await log.saveSnapshot(run, '[2]');
      expect(await log.snapshot(run)).toBeUndefined();
    },
  },
];
