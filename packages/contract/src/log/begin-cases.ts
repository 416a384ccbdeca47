import { expect } from 'vitest';
import type { LogCase } from './log-case.ts';
import { appendAll, endedRun, newId, readAll, runInit, startRun, textFrame, userMessage } from './log-helpers.ts';

/** How a run begins, and when it is another's. */
export const beginCases: readonly LogCase[] = [
  {
    id: 'begin/turns',
    title: 'numbers the runs of each chat 1, 2, 3',
    async run({ log }) {
      const first = await endedRun(log);
      const { chatId } = first;
      const later = [await endedRun(log, { chatId }), await startRun(log, { chatId })];
      expect([first, ...later].map(({ run }) => run.turn)).toEqual([1, 2, 3]);
      expect((await startRun(log)).run.turn).toBe(1);
    },
  },
  {
    id: 'begin/record',
    title: 'gives back what the run began with, unchanged',
    async run({ log }) {
      const { init, run, chatId, runId } = await startRun(log);
      expect(run).toEqual({ chatId, runId, turn: 1, start: init.start, attempt: 1, next: 0 });
      expect((await log.read(init, { from: 0 })).run).toEqual(run);
    },
  },
  {
    id: 'begin/retry',
    title: 'answers a send that is repeated with the same run, active or over',
    async run({ log }) {
      const started = await startRun(log);
      await appendAll(log, started, textFrame(0, 'a', 'b'));
      const retry = { ...started.init, fence: newId('fence') };
      expect(await log.begin(retry)).toEqual({ type: 'exists', run: { ...started.run, next: 2 } });
      await log.end(started, started.fence, { reason: 'finish' });
      expect(await log.begin(retry)).toMatchObject({
        type: 'exists',
        run: { turn: 1, end: { reason: 'finish' } },
      });
      expect((await log.state(started.chatId)).turn).toBe(1);
    },
  },
  {
    id: 'begin/lost-reply',
    title: 'answers a begin that is repeated with its fence as if it were the first, so that the run gets its writer',
    async run({ log }) {
      const started = await startRun(log);
      const { run, fence, init } = started;
      expect(await log.begin(init)).toEqual({ type: 'started', run, fence });
      await appendAll(log, started, textFrame(0, 'a'));
      expect((await log.state(init.chatId)).turn).toBe(1);
      // A writer that has written had its reply.
      expect((await log.begin(init)).type).toBe('exists');
    },
  },
  {
    id: 'begin/lost-reply-cancelled',
    title: 'answers a begin that a cancel met in the same way when it is repeated',
    async run({ log }) {
      const [early, late] = [runInit(), runInit()];
      await log.command(early, { id: 'c1', type: 'cancel' });
      const begun = await log.begin(early);
      expect(begun.type).toBe('cancelled');
      expect(await log.begin(early)).toMatchObject({ type: 'cancelled', run: { turn: 1, end: { reason: 'cancel' } } });
      await log.begin(late);
      await log.command(late, { id: 'c1', type: 'cancel' });
      expect((await log.begin(late)).type).toBe('cancelled');
    },
  },
  {
    id: 'begin/conflict',
    title: 'refuses a runId that was used for another request',
    async run({ log }) {
      const { init } = await endedRun(log);
      expect(await log.begin({ ...init, digest: newId('digest') })).toEqual({ type: 'conflict' });
    },
  },
  {
    id: 'begin/same-run-id-in-two-chats',
    title: 'keeps runs of two chats apart although their runId is the same',
    async run({ log }) {
      const runId = newId('run');
      const [one, two] = [await startRun(log, { runId }), await startRun(log, { runId })];
      await appendAll(log, one, textFrame(0, 'one'));
      await appendAll(log, two, textFrame(0, 'two'));
      await log.end(one, one.fence, { reason: 'finish' });
      expect(await readAll(log, two)).toEqual({ frames: [textFrame(0, 'two')], run: { ...two.run, next: 1 } });
    },
  },
  {
    id: 'begin/join',
    title: 'gives two devices that continue the same message one run',
    async run({ log }) {
      const joinKey = newId('join');
      const one = await startRun(log, { joinKey });
      const two = runInit({ chatId: one.chatId, joinKey });
      expect(await log.begin(two)).toEqual({ type: 'exists', run: one.run });
      await log.end(one, one.fence, { reason: 'finish' });
      expect(await log.begin(two)).toMatchObject({ type: 'exists', run: { runId: one.runId } });
    },
  },
  {
    id: 'begin/join-newest-only',
    title: 'begins a new run when the joined one is no longer the newest, or failed',
    async run({ log }) {
      const joinKey = newId('join');
      const { chatId } = await endedRun(log, { joinKey });
      await endedRun(log, { chatId });
      const failed = await endedRun(log, { chatId, joinKey }, 'error');
      const retry = await startRun(log, { chatId, joinKey });
      expect([failed.run.turn, retry.run.turn]).toEqual([3, 4]);
    },
  },
  {
    id: 'begin/busy',
    title: 'refuses a second run while one is active and says which',
    async run({ log }) {
      const active = await startRun(log);
      const { chatId } = active;
      expect(await log.begin(runInit({ chatId }))).toEqual({ type: 'busy', active: active.run });
      expect((await log.state(chatId)).turn).toBe(1);
      await log.end(active, active.fence, { reason: 'finish' });
      expect((await startRun(log, { chatId })).run.turn).toBe(2);
    },
  },
  {
    id: 'begin/stale',
    title: 'refuses a sender that has not seen the newest run',
    async run({ log }) {
      const { chatId } = await endedRun(log);
      await endedRun(log, { chatId, baseTurn: 1 });
      expect(await log.begin(runInit({ chatId, baseTurn: 1 }))).toEqual({ type: 'stale', turn: 2 });
      expect((await log.state(chatId)).turn).toBe(2);
    },
  },
  {
    id: 'begin/busy-before-stale',
    title: 'says busy, not stale, to a sender that is behind while a run is active',
    async run({ log }) {
      const { chatId } = await endedRun(log);
      await startRun(log, { chatId });
      expect(await log.begin(runInit({ chatId, baseTurn: 0 }))).toMatchObject({ type: 'busy' });
    },
  },
  {
    id: 'begin/race',
    title: 'lets one of two runs that begin at the same time win',
    async run({ log }) {
      const chatId = newId('chat');
      const begun = await Promise.all(Array.from({ length: 6 }, () => log.begin(runInit({ chatId }))));
      expect(begun.map(({ type }) => type).sort()).toEqual(['busy', 'busy', 'busy', 'busy', 'busy', 'started']);
      expect((await log.state(chatId)).turn).toBe(1);
    },
  },
  {
    id: 'begin/big-conversation',
    title: 'keeps a conversation of 6 MB with a run',
    async run({ log }) {
      const messages = [userMessage('é😀'.repeat(1_000_000))];
      const start = { ...runInit().start, tail: messages };
      const { chatId } = await startRun(log, { messages, start });
      const state = await log.state(chatId);
      // Not `toEqual` on megabytes: a failure would print them.
      expect(JSON.stringify(state.messages) === JSON.stringify(messages)).toBe(true);
      expect(JSON.stringify(state.active?.start.tail) === JSON.stringify(messages)).toBe(true);
    },
  },
];
