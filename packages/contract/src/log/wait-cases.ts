import { expect } from 'vitest';
import type { LogCase } from './log-case.ts';
import { appendAll, endedRun, patienceMs, startRun, textFrame, within } from './log-helpers.ts';

const waitMs = patienceMs * 2;

/** Waiting for news. */
export const waitCases: readonly LogCase[] = [
  {
    id: 'wait/append',
    title: 'wakes every waiting reader with the next frame',
    async run({ log }) {
      const started = await startRun(log);
      const readers = [0, 1, 2].map(() => log.read(started, { from: 0, waitMs }));
      await appendAll(log, started, textFrame(0, 'a', 'b'));
      for (const { frames } of await within('the frame', Promise.all(readers)))
        expect(frames).toEqual([textFrame(0, 'a', 'b')]);
    },
  },
  {
    id: 'wait/end',
    title: 'wakes a waiting reader with the end and with a cancel',
    async run({ log }) {
      const [finished, cancelled] = [await startRun(log), await startRun(log)];
      const reads = [finished, cancelled].map((started) => log.read(started, { from: 0, waitMs }));
      await log.end(finished, finished.fence, { reason: 'finish' });
      await log.command(cancelled, { id: 'c1', type: 'cancel' });
      const answers = await within('the ends', Promise.all(reads));
      expect(answers.map(({ run }) => run.end?.reason)).toEqual(['finish', 'cancel']);
    },
  },
  {
    id: 'wait/over',
    title: 'answers a waiting reader with nothing when its time is over',
    async run({ log }) {
      const started = await startRun(log);
      const read = log.read(started, { from: 0, waitMs: 30 });
      expect(await within('the answer', read)).toEqual({ frames: [], run: started.run });
      expect(await log.read(started, { from: 0 })).toEqual({ frames: [], run: started.run });
    },
  },
  {
    id: 'wait/other-run',
    title: 'is not ended by news of another chat',
    async run({ log }) {
      const [started, other] = [await startRun(log), await startRun(log)];
      const read = log.read(started, { from: 0, waitMs });
      await appendAll(log, other, textFrame(0, 'other'));
      await appendAll(log, started, textFrame(0, 'mine'));
      expect((await within('the frame', read)).frames).toEqual([textFrame(0, 'mine')]);
    },
  },
  {
    id: 'wait/abort',
    title: 'rejects with the reason when the caller gives up, now or before',
    async run({ log }) {
      const started = await startRun(log);
      const reason = new Error('the tab closed');
      const abort = new AbortController();
      const { signal } = abort;
      const calls = (): Promise<unknown>[] => [
        log.read(started, { from: 0, waitMs, signal }),
        log.state(started.chatId, { after: 1, waitMs, signal }),
        log.waitForCommand(started, started.fence, { waitMs, signal }),
      ];
      const waiting = Promise.allSettled(calls());
      // The calls have looked once, and wait.
      for (let round = 0; round < 5; round += 1) await log.read(started, { from: 0 });
      abort.abort(reason);
      const late = Promise.allSettled(calls());
      const settled = await within('the rejections', Promise.all([waiting, late]));
      expect(settled.flat()).toEqual(Array.from({ length: 6 }, () => ({ status: 'rejected', reason })));
    },
  },
  {
    id: 'wait/state',
    title: 'wakes a device that watches a chat when the next run begins',
    async run({ log }) {
      const { chatId } = await endedRun(log);
      const watch = log.state(chatId, { after: 1, waitMs });
      const next = await startRun(log, { chatId });
      expect(await within('the state', watch)).toMatchObject({ turn: 2, active: { runId: next.runId } });
      expect(await log.state(chatId, { after: 1, waitMs })).toMatchObject({ turn: 2 });
      expect(await within('the end of the waiting', log.state(chatId, { after: 2, waitMs: 30 }))).toMatchObject({
        turn: 2,
      });
    },
  },
  {
    id: 'wait/state-behind',
    title: 'answers a device at once that knows a turn which the log has lost',
    async run({ log }) {
      const { chatId, runId } = await endedRun(log);
      const state = await within('the state', log.state(chatId, { after: 7, waitMs }));
      expect([state.turn, state.runs.map((run) => run.runId)]).toEqual([1, [runId]]);
      expect(await within('an empty chat', log.state('another', { after: 7, waitMs }))).toMatchObject({ turn: 0 });
    },
  },
];
