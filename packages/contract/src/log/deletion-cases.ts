import { expect } from 'vitest';
import type { LogCase } from './log-case.ts';
import {
  appendAll,
  endedRun,
  expectCode,
  newId,
  patienceMs,
  runInit,
  second,
  startRun,
  textFrame,
  within,
} from './log-helpers.ts';

const waitMs = patienceMs * 2;

/** Deleting a chat. */
export const deletionCases: readonly LogCase[] = [
  {
    id: 'delete/ends-active',
    title: 'ends the active run for its writer, its readers and everybody who watches the chat',
    async run({ log }) {
      const started = await startRun(log);
      await appendAll(log, started, textFrame(0, 'a'));
      const { chatId, fence } = started;
      const news = log.waitForCommand(started, fence, { waitMs });
      const read = expectCode('log-expired', log.read(started, { from: 1, waitMs }));
      const watch = log.state(chatId, { after: 1, waitMs });
      const deleted = await log.deleteChat(chatId);
      expect(deleted).toMatchObject({ turn: 2, ended: { runId: started.runId, next: 1, end: { reason: 'cancel' } } });
      expect((await within('the news', news)).end).toEqual({ reason: 'cancel' });
      await within('the end of the reading', read);
      expect(await within('the state', watch)).toEqual({ turn: 2, deletedTurn: 2, runs: [], messages: [] });
      expect((await log.append(started, fence, textFrame(1, 'b'))).end).toEqual({ reason: 'cancel' });
      expect((await log.end(started, fence, { reason: 'finish' })).end).toEqual({ reason: 'cancel' });
    },
  },
  {
    id: 'delete/erases',
    title: 'leaves no text of the conversation',
    async run({ log }) {
      const first = await startRun(log);
      const { chatId } = first;
      await appendAll(log, first, textFrame(0, 'a'));
      const steer = { id: newId('steer'), type: 'steer', parts: [{ type: 'text', text: 'shorter' }] } as const;
      await log.command(first, steer);
      await log.end(first, first.fence, { reason: 'finish' });
      await log.saveSnapshot(first, '["text"]');
      const second = await startRun(log, { chatId });
      await appendAll(log, second, textFrame(0, 'b'));
      await log.end(second, second.fence, { reason: 'finish' });
      await log.claim(chatId, 'tool:1', 'a', 60_000);
      expect(await log.deleteChat(chatId)).toEqual({ turn: 3 });
      for (const run of [first, second]) await expectCode('log-expired', log.read(run, { from: 0 }));
      expect(await log.snapshot(first)).toBeUndefined();
      expect(await log.state(chatId)).toEqual({ turn: 3, deletedTurn: 3, runs: [], messages: [] });
      expect(await log.receipt(first, steer.id)).toEqual({ outcome: 'not-delivered', reason: 'ended' });
      expect(await log.claim(chatId, 'tool:1', 'b', 60_000)).toBe(true);
    },
  },
  {
    id: 'delete/tombstone',
    title: 'cannot be undone by what was under way: a repeated send, a claim to finish, a snapshot',
    async run({ log }) {
      const run = await endedRun(log);
      const { chatId, runId, init } = run;
      await log.deleteChat(chatId);
      const retry = await log.begin({ ...init, fence: newId('fence') });
      expect(retry).toMatchObject({ type: 'exists', run: { turn: 1, end: { reason: 'finish' }, start: { tail: [] } } });
      expect(await log.claim(chatId, `finish:${runId}`, 'a', 60_000)).toBe(false);
      await log.saveSnapshot(run, '["text"]');
      expect(await log.snapshot(run)).toBeUndefined();
      expect((await log.unfinished(100_000)).filter((each) => each.chatId === chatId)).toEqual([]);
      expect(await log.state(chatId)).toEqual({ turn: 2, deletedTurn: 2, runs: [], messages: [] });
    },
  },
  {
    id: 'delete/again',
    title: 'deletes a chat once, however often that is asked, and never one that nobody used',
    async run({ log }) {
      const { chatId } = await endedRun(log);
      expect(await log.deleteChat(chatId)).toEqual({ turn: 2 });
      expect(await log.deleteChat(chatId)).toEqual({ turn: 2 });
      const unused = newId('chat');
      expect(await log.deleteChat(unused)).toEqual({ turn: 0 });
      expect(await log.state(unused)).toEqual({ turn: 0, runs: [], messages: [] });
    },
  },
  {
    id: 'delete/parked',
    title: 'deletes the cancels that wait for runs',
    async run({ log }) {
      const init = runInit();
      await log.command(init, { id: 'c1', type: 'cancel' });
      await log.deleteChat(init.chatId);
      expect((await log.begin(init)).type).toBe('started');
    },
  },
  {
    id: 'delete/begin-again',
    title: 'refuses senders that do not know of the deletion, and lets others begin again behind its turn',
    async run({ log }) {
      const { chatId } = await endedRun(log);
      await log.deleteChat(chatId);
      expect(await log.begin(runInit({ chatId, baseTurn: 1 }))).toEqual({ type: 'stale', turn: 2 });
      const next = await startRun(log, { chatId, baseTurn: 2 });
      expect(next.run.turn).toBe(3);
      const state = await log.state(chatId);
      expect(state).toMatchObject({ turn: 3, active: { runId: next.runId }, messages: next.init.messages });
      expect([state.runs.length, state.deletedTurn]).toEqual([1, 2]);
    },
  },
  {
    id: 'delete/shared',
    title: 'stops the writer of another process and empties what that process knows',
    requires: ['shared'],
    async run(harness) {
      const { log } = harness;
      const other = await second(harness);
      const started = await startRun(log);
      const { chatId, fence } = started;
      await log.state(chatId);
      const news = log.waitForCommand(started, fence, { waitMs });
      await other.deleteChat(chatId);
      expect((await within('the news', news)).end).toEqual({ reason: 'cancel' });
      expect(await log.state(chatId)).toEqual({ turn: 2, deletedTurn: 2, runs: [], messages: [] });
      const next = await startRun(log, { chatId });
      expect((await other.state(chatId)).messages).toEqual(next.init.messages);
    },
  },
];
