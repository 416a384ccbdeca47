import { expect } from 'vitest';
import type { LogCase } from './log-case.ts';
import { advance, appendAll, endedRun, expectCode, readAll, startRun, textFrame } from './log-helpers.ts';

/** What is forgotten, and what never is. */
export const retentionCases: readonly LogCase[] = [
  {
    id: 'retention/expired',
    title: 'says log-expired after the retention, before and after the clean-up',
    requires: ['clock'],
    async run(harness) {
      const { log, retentionMs } = harness;
      const started = await startRun(log);
      await appendAll(log, started, textFrame(0, 'a'));
      await log.end(started, started.fence, { reason: 'finish' });
      await advance(harness, retentionMs - 10_000);
      expect((await readAll(log, started)).frames).toEqual([textFrame(0, 'a')]);
      await advance(harness, 10_000);
      await expectCode('log-expired', log.read(started, { from: 0 }));
      expect(await log.unfinished(100_000)).not.toContainEqual(expect.objectContaining({ runId: started.runId }));
      await expectCode('log-expired', log.read(started, { from: 0, waitMs: 60_000 }));
    },
  },
  {
    id: 'retention/turn',
    title: 'never numbers a turn twice, also when every run of the chat is forgotten',
    requires: ['clock'],
    async run(harness) {
      const { log, retentionMs } = harness;
      const { chatId } = await endedRun(log);
      await endedRun(log, { chatId });
      for (let round = 0; round < 3; round += 1) {
        await advance(harness, retentionMs);
        await log.unfinished(1);
      }
      expect(await log.state(chatId)).toEqual({ turn: 2, runs: [], messages: [] });
      expect((await startRun(log, { chatId, baseTurn: 2 })).run.turn).toBe(3);
    },
  },
  {
    id: 'retention/late-retry',
    title: 'does not run a request again that is repeated after its retention',
    requires: ['clock'],
    async run(harness) {
      const { log, retentionMs } = harness;
      const { init } = await endedRun(log);
      await advance(harness, retentionMs);
      await log.unfinished(1);
      expect(await log.begin(init)).toMatchObject({ type: 'exists', run: { turn: 1, end: { reason: 'finish' } } });
      expect(await log.command(init, { id: 'c1', type: 'cancel' })).toEqual({
        outcome: 'not-delivered',
        reason: 'ended',
      });
    },
  },
  {
    id: 'retention/only-the-old',
    title: 'keeps what is younger, and an active run however old',
    requires: ['clock'],
    async run(harness) {
      const { log, retentionMs } = harness;
      const old = await endedRun(log);
      const { chatId } = old;
      await advance(harness, retentionMs / 2);
      const young = await endedRun(log, { chatId });
      const active = await startRun(log, { chatId, leaseMs: retentionMs * 4 });
      await advance(harness, retentionMs / 2);
      await log.unfinished(1);
      expect((await log.state(chatId)).runs.map(({ turn }) => turn)).toEqual([young.run.turn, active.run.turn]);
      await advance(harness, retentionMs * 2);
      await log.unfinished(1);
      expect(await log.state(chatId)).toMatchObject({ turn: 3, active: { turn: 3 }, messages: active.init.messages });
    },
  },
];
