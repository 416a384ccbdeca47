import { expect } from 'vitest';
import type { LogCase } from './log-case.ts';
import {
  advance,
  appendAll,
  expectCode,
  patienceMs,
  readAll,
  shortLeaseMs,
  startRun,
  textFrame,
  within,
} from './log-helpers.ts';

/** Writers that died. */
export const leaseCases: readonly LogCase[] = [
  {
    id: 'lease/reader-sees-lost',
    title: 'ends a waiting reader with lost when the writer died, with nobody writing that',
    async run({ log }) {
      const started = await startRun(log, { leaseMs: shortLeaseMs });
      const { frames, run } = await within('the end', log.read(started, { from: 0, waitMs: patienceMs * 2 }));
      expect({ frames, end: run.end }).toEqual({ frames: [], end: { reason: 'lost' } });
      expect((await log.state(started.chatId)).active).toBeUndefined();
    },
  },
  {
    id: 'lease/final',
    title: 'never takes a writer back whose lease expired',
    async run({ log }) {
      const started = await startRun(log, { leaseMs: shortLeaseMs });
      await appendAll(log, started, textFrame(0, 'a'));
      await within('the end', log.read(started, { from: 1, waitMs: patienceMs * 2 }));
      const lost = { end: { reason: 'lost' }, commands: [], cursor: 0 };
      expect(await log.renew(started, started.fence)).toEqual(lost);
      expect(await log.append(started, started.fence, textFrame(1, 'b'))).toEqual(lost);
      expect(await log.waitForCommand(started, started.fence, {})).toEqual(lost);
      expect(await log.end(started, started.fence, { reason: 'finish' })).toMatchObject({
        next: 1,
        end: { reason: 'lost' },
      });
      expect((await readAll(log, started)).frames).toEqual([textFrame(0, 'a')]);
    },
  },
  {
    id: 'lease/begin-after-lost',
    title: 'lets the next run begin when the writer of the last one died',
    async run({ log }) {
      const started = await startRun(log, { leaseMs: shortLeaseMs });
      await within('the end', log.read(started, { from: 0, waitMs: patienceMs * 2 }));
      const next = await startRun(log, { chatId: started.chatId });
      expect(next.run.turn).toBe(2);
      const { runs } = await log.state(started.chatId);
      expect(runs.map(({ end }) => end?.reason)).toEqual(['lost', undefined]);
    },
  },
  {
    id: 'lease/writer-hears',
    title: 'informs a writer that waits for commands when its lease expires',
    async run({ log }) {
      const started = await startRun(log, { leaseMs: shortLeaseMs });
      const wait = log.waitForCommand(started, started.fence, { waitMs: patienceMs * 2 });
      expect(await within('the news', wait)).toEqual({ end: { reason: 'lost' }, commands: [], cursor: 0 });
    },
  },
  {
    id: 'lease/renewed',
    title: 'keeps a run alive while its writer appends or renews',
    requires: ['clock'],
    async run(harness) {
      const { log } = harness;
      const started = await startRun(log, { leaseMs: 15_000 });
      await advance(harness, 10_000);
      expect(await log.renew(started, started.fence)).toEqual({ commands: [], cursor: 0 });
      await advance(harness, 10_000);
      await appendAll(log, started, textFrame(0, 'a'));
      await advance(harness, 10_000);
      expect((await log.state(started.chatId)).active?.next).toBe(1);
      await advance(harness, 5_000);
      expect((await log.state(started.chatId)).runs[0]?.end).toEqual({ reason: 'lost' });
    },
  },
  {
    id: 'lease/ended-when-it-expired',
    title: 'dates the end of a lost run from its lease, not from who looked',
    requires: ['clock'],
    async run(harness) {
      const { log } = harness;
      const started = await startRun(log, { leaseMs: 15_000 });
      await advance(harness, 115_000);
      const run = (await log.read(started, { from: 0 })).run;
      expect(run.endedAgoMs).toBeGreaterThanOrEqual(100_000);
      expect(run.endedAgoMs).toBeLessThan(110_000);
      await expectCode('invalid-offset', log.read(started, { from: 1 }));
    },
  },
];
