import { parkedCommandsPerChat, parkedCommandTtlMs } from '@chat-transport/core/provider';
import { expect } from 'vitest';
import type { LogCase } from './log-case.ts';
import {
  advance,
  appendAll,
  endedRun,
  expectCode,
  newId,
  readAll,
  runInit,
  startRun,
  textFrame,
  within,
} from './log-helpers.ts';

const delivered = { outcome: 'delivered' };
const ended = { outcome: 'not-delivered', reason: 'ended' };
const cancel = (id: string): { id: string; type: 'cancel' } => ({ id, type: 'cancel' });

/** Cancels: transitions in the log, independent of the writer. */
export const cancelCases: readonly LogCase[] = [
  {
    id: 'cancel/active',
    title: 'ends the run at once, at the offset it has',
    async run({ log }) {
      const started = await startRun(log);
      await appendAll(log, started, textFrame(0, 'a', 'b'));
      expect(await log.command(started, cancel('c1'))).toEqual(delivered);
      expect(await readAll(log, started)).toMatchObject({ run: { next: 2, end: { reason: 'cancel' } } });
      expect((await log.state(started.chatId)).active).toBeUndefined();
    },
  },
  {
    id: 'cancel/writer',
    title: 'lets the writer of a cancelled run add nothing more',
    async run({ log }) {
      const started = await startRun(log);
      await log.command(started, cancel('c1'));
      const news = { end: { reason: 'cancel' }, commands: [], cursor: 0 };
      expect(await log.append(started, started.fence, textFrame(0, 'a'))).toEqual(news);
      expect(await log.renew(started, started.fence)).toEqual(news);
      expect(await log.end(started, started.fence, { reason: 'finish' })).toMatchObject({
        next: 0,
        end: { reason: 'cancel' },
      });
    },
  },
  {
    id: 'cancel/silent-writer',
    title: 'reaches a writer whose model is silent',
    async run({ log }) {
      const started = await startRun(log);
      const news = log.waitForCommand(started, started.fence, { waitMs: 60_000 });
      await log.command(started, cancel('c1'));
      expect(await within('the news', news)).toEqual({ end: { reason: 'cancel' }, commands: [], cursor: 0 });
    },
  },
  {
    id: 'cancel/again',
    title: 'answers the same cancel the same, and another one that the run is over',
    async run({ log }) {
      const started = await startRun(log);
      expect(await log.command(started, cancel('c1'))).toEqual(delivered);
      expect(await log.command(started, cancel('c1'))).toEqual(delivered);
      expect(await log.command(started, cancel('c2'))).toEqual(ended);
      expect(await log.command(started, cancel('c1'))).toEqual(delivered);
    },
  },
  {
    id: 'cancel/after-end',
    title: 'changes nothing about a run that ended by itself',
    async run({ log }) {
      const started = await endedRun(log);
      expect(await log.command(started, cancel('c1'))).toEqual(ended);
      expect((await log.read(started, { from: 0 })).run.end).toEqual({ reason: 'finish' });
    },
  },
  {
    id: 'cancel/race',
    title: 'delivers one of many cancels at the same time',
    async run({ log }) {
      const started = await startRun(log);
      const receipts = await Promise.all(['a', 'b', 'c'].map((id) => log.command(started, cancel(id))));
      expect(receipts.filter(({ outcome }) => outcome === 'delivered')).toHaveLength(1);
    },
  },
  {
    id: 'cancel/next-run',
    title: 'never stops the next run',
    async run({ log }) {
      const first = await startRun(log);
      await log.command(first, cancel('c1'));
      const next = await startRun(log, { chatId: first.chatId });
      expect(await log.command(first, cancel('c1'))).toEqual(delivered);
      expect(await log.command(first, cancel('c2'))).toEqual(ended);
      expect((await log.state(first.chatId)).active).toEqual(next.run);
    },
  },
  {
    id: 'cancel/before-begin',
    title: 'meets a run that was cancelled before it began: recorded with its messages, ended, never written',
    async run({ log }) {
      const init = runInit();
      expect(await log.command(init, cancel('c1'))).toEqual({ outcome: 'accepted' });
      expect(await log.command(init, cancel('c1'))).toEqual({ outcome: 'accepted' });
      const begun = await log.begin(init);
      expect(begun).toMatchObject({
        type: 'cancelled',
        run: { turn: 1, next: 0, end: { reason: 'cancel' }, start: init.start },
      });
      expect(await log.state(init.chatId)).toMatchObject({ turn: 1, messages: init.messages });
      expect(await log.command(init, cancel('c1'))).toEqual(delivered);
      expect(await log.begin({ ...init, fence: newId('fence') })).toMatchObject({
        type: 'exists',
        run: { end: { reason: 'cancel' } },
      });
      expect((await startRun(log, { chatId: init.chatId })).run.turn).toBe(2);
    },
  },
  {
    id: 'cancel/parked-other-run',
    title: 'stops only the run that an early cancel names',
    async run({ log }) {
      const chatId = newId('chat');
      await log.command({ chatId, runId: newId('run') }, cancel('c1'));
      await log.command(runInit(), cancel('c2'));
      expect((await startRun(log, { chatId })).run.end).toBeUndefined();
    },
  },
  {
    id: 'cancel/parked-expiry',
    title: 'forgets an early cancel after 60 seconds',
    requires: ['clock'],
    async run(harness) {
      const { log } = harness;
      const [early, late] = [runInit(), runInit()];
      await log.command(early, cancel('c1'));
      await log.command(late, cancel('c1'));
      await advance(harness, parkedCommandTtlMs - 5_000);
      expect(await log.begin(early)).toMatchObject({ type: 'cancelled' });
      await advance(harness, 5_000);
      expect(await log.begin(late)).toMatchObject({ type: 'started' });
    },
  },
  {
    id: 'cancel/parked-anew',
    title: 'accepts an early cancel again that is sent again after it was forgotten',
    requires: ['clock'],
    async run(harness) {
      const { log } = harness;
      const init = runInit();
      await log.command(init, cancel('c1'));
      await advance(harness, parkedCommandTtlMs);
      expect(await log.command(init, cancel('c1'))).toEqual({ outcome: 'accepted' });
      expect(await log.begin(init)).toMatchObject({ type: 'cancelled' });
    },
  },
  {
    id: 'cancel/parked-limit',
    title: 'refuses one more than 16 early cancels of a chat, and keeps the others',
    async run({ log }) {
      const chatId = newId('chat');
      const inits = Array.from({ length: parkedCommandsPerChat }, () => runInit({ chatId }));
      for (const init of inits) expect(await log.command(init, cancel('c1'))).toEqual({ outcome: 'accepted' });
      const late = runInit({ chatId });
      await expectCode('rate-limited', log.command(late, cancel('c1')));
      expect(await log.command(inits[0] ?? late, cancel('c1'))).toEqual({ outcome: 'accepted' });
      for (const init of inits) expect((await log.begin(init)).type).toBe('cancelled');
      expect((await log.begin(late)).type).toBe('started');
    },
  },
];
