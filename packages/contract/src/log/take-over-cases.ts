import type { RunInit, RunLog, TakenOver } from '@chat-transport/core/provider';
import { expect } from 'vitest';
import type { LogCase } from './log-case.ts';
import {
  advance,
  appendAll,
  expectCode,
  newId,
  patienceMs,
  readAll,
  runInit,
  type StartedRun,
  second,
  shortLeaseMs,
  startRun,
  textFrame,
  until,
  within,
} from './log-helpers.ts';

const superseded = { superseded: true, commands: [], cursor: 0 } as const;
const takeOverMs = 60_000;
const context = { body: { tone: 'dry', '__proto__ ': [1, null] }, userId: 'user-1' };

/** A run that another writer may take over, given up by its first one unless it keeps its lease. */
async function releasedRun(log: RunLog, overrides: Partial<RunInit> = {}): Promise<StartedRun> {
  const started = await startRun(log, { takeOverMs, context, ...overrides });
  await log.release(started, started.fence);
  return started;
}

/** Takes a run over as its next writer. */
function takeOver(log: RunLog, run: StartedRun, ifAttempt = 1, fence = newId('fence'), max = 3): Promise<TakenOver> {
  return log.takeOver(run, { ifAttempt, fence, max });
}

/** Runs that outlive their writer. */
export const takeOverCases: readonly LogCase[] = [
  {
    id: 'take-over/goes-on',
    title: 'lets another writer go on where a dead one stopped, under the same run',
    async run({ log }) {
      const started = await startRun(log, { leaseMs: shortLeaseMs, takeOverMs, context });
      await appendAll(log, started, textFrame(0, 'a', 'b'));
      await until(
        'the interruption',
        () => log.state(started.chatId),
        ({ active }) => active?.interrupted === true,
      );
      const fence = newId('fence');
      const taken = await takeOver(log, started, 1, fence);
      const run = { ...started.run, attempt: 2, next: 2 };
      expect(taken).toEqual({ type: 'taken-over', run, context });
      expect(await log.append(started, fence, textFrame(2, 'c'))).toEqual({ commands: [], cursor: 0 });
      const ended = await log.end(started, fence, { reason: 'finish' });
      expect(ended).toMatchObject({ attempt: 2, next: 3, end: { reason: 'finish' } });
      expect((await readAll(log, started)).frames).toEqual([textFrame(0, 'a', 'b'), textFrame(2, 'c')]);
    },
  },
  {
    id: 'take-over/superseded',
    title: 'lets a superseded writer write, renew, release and end nothing, and reports no end to it',
    async run({ log }) {
      const started = await releasedRun(log);
      const fence = newId('fence');
      await takeOver(log, started, 1, fence);
      expect(await log.append(started, started.fence, textFrame(0, 'a'))).toEqual(superseded);
      expect(await log.renew(started, started.fence)).toEqual(superseded);
      expect(await log.waitForCommand(started, started.fence, { waitMs: 60_000 })).toEqual(superseded);
      const run = { ...started.run, attempt: 2 };
      expect(await log.release(started, started.fence)).toEqual(run);
      expect(await log.end(started, started.fence, { reason: 'finish' })).toEqual(run);
      expect(await log.renew(started, fence)).toEqual({ commands: [], cursor: 0 });
      expect(await readAll(log, started)).toEqual({ frames: [], run });
    },
  },
  {
    id: 'take-over/zombie',
    title: 'takes nothing of a writer whose lease expired, also before another one is there',
    requires: ['clock'],
    async run(harness) {
      const { log } = harness;
      const started = await startRun(log, { leaseMs: 15_000, takeOverMs });
      await appendAll(log, started, textFrame(0, 'a'));
      await advance(harness, 16_000);
      expect(await log.append(started, started.fence, textFrame(1, 'b'))).toEqual(superseded);
      expect(await log.append(started, started.fence, textFrame(0, 'a'))).toEqual(superseded);
      expect(await log.renew(started, started.fence)).toEqual(superseded);
      const run = { ...started.run, next: 1, interrupted: true };
      expect(await log.end(started, started.fence, { reason: 'finish' })).toEqual(run);
      expect((await log.state(started.chatId)).active).toEqual(run);
    },
  },
  {
    id: 'take-over/alive',
    title: 'leaves a run to a writer that is alive',
    async run({ log }) {
      const started = await startRun(log, { takeOverMs });
      expect(await takeOver(log, started)).toEqual({ type: 'alive', run: started.run });
      await appendAll(log, started, textFrame(0, 'a'));
    },
  },
  {
    id: 'take-over/race',
    title: 'gives the run to one of many that want it at once',
    async run({ log }) {
      const started = await releasedRun(log);
      const answers = await Promise.all(Array.from({ length: 8 }, () => takeOver(log, started)));
      expect(answers.map(({ type }) => type).sort()).toEqual([...Array(7).fill('taken'), 'taken-over']);
      for (const { run } of answers) expect(run.attempt).toBe(2);
    },
  },
  {
    id: 'take-over/race-of-processes',
    title: 'gives the run to one of two processes that want it at once',
    requires: ['shared'],
    async run(harness) {
      const other = await second(harness);
      const started = await releasedRun(harness.log);
      for (let attempt = 1; attempt <= 3; attempt += 1) {
        const fences = [newId('fence'), newId('fence')] as const;
        const answers = await Promise.all([
          takeOver(harness.log, started, attempt, fences[0]),
          takeOver(other, started, attempt, fences[1]),
        ]);
        expect(answers.map(({ type }) => type).sort()).toEqual(['taken', 'taken-over']);
        const winner = answers[0].type === 'taken-over' ? fences[0] : fences[1];
        expect(await other.renew(started, winner)).toEqual({ commands: [], cursor: 0 });
        await harness.log.release(started, winner);
      }
    },
  },
  {
    id: 'take-over/late',
    title: 'gives nothing to one that has seen an earlier writer',
    async run({ log }) {
      const started = await releasedRun(log);
      const fence = newId('fence');
      await takeOver(log, started, 1, fence);
      await log.release(started, fence);
      expect(await takeOver(log, started, 1)).toMatchObject({ type: 'taken', run: { attempt: 2, interrupted: true } });
      expect(await takeOver(log, started, 2)).toMatchObject({ type: 'taken-over', run: { attempt: 3 } });
    },
  },
  {
    id: 'take-over/retry',
    title: 'answers the same call again, after a lost reply',
    async run({ log }) {
      const started = await releasedRun(log);
      const fence = newId('fence');
      const { run } = await takeOver(log, started, 1, fence);
      expect(await takeOver(log, started, 1, fence)).toEqual({ type: 'taken-over', run, context });
      expect(await log.append(started, fence, textFrame(0, 'a'))).toEqual({ commands: [], cursor: 0 });
    },
  },
  {
    id: 'take-over/cancel-in-the-gap',
    title: 'ends a run as cancelled when that comes while it has no writer',
    async run({ log }) {
      const started = await releasedRun(log);
      expect(await log.command(started, { id: 'c1', type: 'cancel' })).toEqual({ outcome: 'delivered' });
      expect(await takeOver(log, started)).toMatchObject({ type: 'ended', run: { end: { reason: 'cancel' } } });
    },
  },
  {
    id: 'take-over/grace',
    title: 'loses a run that nobody has taken over in time, once, dated from then',
    requires: ['clock'],
    async run(harness) {
      const { log } = harness;
      const started = await startRun(log, { leaseMs: 15_000, takeOverMs });
      await advance(harness, 60_000);
      expect((await log.state(started.chatId)).active).toMatchObject({ interrupted: true });
      await advance(harness, 25_000);
      const { active, runs } = await log.state(started.chatId);
      expect({ active, end: runs[0]?.end }).toEqual({ active: undefined, end: { reason: 'lost' } });
      expect(runs[0]?.endedAgoMs).toBeGreaterThanOrEqual(10_000);
      expect(runs[0]?.endedAgoMs).toBeLessThan(30_000);
      expect(await takeOver(log, started)).toMatchObject({
        type: 'ended',
        run: { attempt: 1, end: { reason: 'lost' } },
      });
      expect(await log.renew(started, started.fence)).toEqual({ end: { reason: 'lost' }, commands: [], cursor: 0 });
    },
  },
  {
    id: 'take-over/not-without-grace',
    title: 'takes over no run that was begun without time for it',
    requires: ['clock'],
    async run(harness) {
      const started = await startRun(harness.log, { leaseMs: 15_000 });
      await advance(harness, 15_100);
      expect(await takeOver(harness.log, started)).toMatchObject({ type: 'ended', run: { end: { reason: 'lost' } } });
    },
  },
  {
    id: 'take-over/budget',
    title: 'ends a run that was taken over as often as it may, however much it has written since',
    async run({ log }) {
      const started = await releasedRun(log);
      for (let attempt = 1; attempt <= 3; attempt += 1) {
        const fence = newId('fence');
        expect((await takeOver(log, started, attempt, fence)).type).toBe('taken-over');
        expect(await log.append(started, fence, textFrame(attempt - 1, 'more'))).toEqual({ commands: [], cursor: 0 });
        await log.release(started, fence);
      }
      const over = { attempt: 4, next: 3, end: { reason: 'lost' } };
      expect(await takeOver(log, started, 4)).toMatchObject({ type: 'exhausted', run: over });
      expect(await takeOver(log, started, 4)).toMatchObject({ type: 'ended', run: over });
      expect((await log.unfinished(1_000)).filter(({ runId }) => runId === started.runId)).toMatchObject([over]);
    },
  },
  {
    id: 'take-over/release',
    title: 'gives a run up at once, and only by its writer',
    async run({ log }) {
      const started = await startRun(log, { takeOverMs });
      expect(await log.release(started, newId('fence'))).toEqual(started.run);
      const released = { ...started.run, interrupted: true };
      expect(await log.release(started, started.fence)).toEqual(released);
      expect(await log.release(started, started.fence)).toEqual(released);
      expect(await log.append(started, started.fence, textFrame(0, 'a'))).toEqual(superseded);
      const fence = newId('fence');
      expect(await takeOver(log, started, 1, fence)).toMatchObject({ type: 'taken-over', released: true });
      await log.end(started, fence, { reason: 'finish' });
      expect(await log.release(started, fence)).toMatchObject({ end: { reason: 'finish' } });
      await expectCode('not-found', log.release({ chatId: started.chatId, runId: 'nobody' }, fence));
      await expectCode('not-found', log.takeOver({ chatId: 'no-chat', runId: 'r' }, { ifAttempt: 1, fence, max: 1 }));
    },
  },
  {
    id: 'take-over/reader-sees-it',
    title: 'informs a waiting reader when the run loses its writer, and then of what the next writer writes',
    async run({ log }) {
      const started = await startRun(log, { takeOverMs });
      const news = log.read(started, { from: 0, waitMs: patienceMs * 2 });
      await log.release(started, started.fence);
      const { frames, run } = await within('the interruption', news);
      expect({ frames, interrupted: run.interrupted }).toEqual({ frames: [], interrupted: true });
      // Who does not know of it learns of it at once, also where it came first.
      expect((await within('the same', log.read(started, { from: 0, waitMs: patienceMs * 2 }))).run.interrupted).toBe(
        true,
      );
      const more = log.read(started, { from: 0, waitMs: patienceMs * 2, knowsInterrupted: true });
      const fence = newId('fence');
      await takeOver(log, started, 1, fence);
      await log.append(started, fence, textFrame(0, 'a'));
      expect(await within('the frame', more)).toMatchObject({ frames: [textFrame(0, 'a')], run: { attempt: 2 } });
    },
  },
  {
    id: 'take-over/waiting-writer-hears',
    title: 'informs a writer that waits for commands that it was superseded',
    async run({ log }) {
      const started = await startRun(log, { leaseMs: shortLeaseMs, takeOverMs });
      const wait = log.waitForCommand(started, started.fence, { waitMs: patienceMs * 2 });
      expect(await within('the news', wait)).toEqual(superseded);
    },
  },
  {
    id: 'take-over/busy',
    title: 'keeps the chat busy while the run waits for its next writer',
    async run({ log }) {
      const started = await releasedRun(log, { joinKey: 'join' });
      const { chatId, init } = started;
      expect(await log.begin(runInit({ chatId }))).toMatchObject({ type: 'busy', active: { interrupted: true } });
      expect(await log.begin({ ...init, fence: newId('fence') })).toMatchObject({ type: 'exists' });
      const same = runInit({ chatId, joinKey: 'join' });
      expect(await log.begin(same)).toMatchObject({ type: 'exists', run: { runId: started.runId } });
      expect(await log.command(started, { id: 'c1', type: 'cancel' })).toEqual({ outcome: 'delivered' });
      expect((await log.begin(runInit({ chatId }))).type).toBe('started');
      expect(await takeOver(log, started)).toMatchObject({ type: 'ended' });
    },
  },
  {
    id: 'take-over/steers',
    title: 'hands the next writer the steers that have no outcome yet',
    async run({ log }) {
      const started = await startRun(log, { takeOverMs });
      const steer = (id: string) => ({ id, type: 'steer' as const, parts: [{ type: 'text' as const, text: id }] });
      for (const id of ['s1', 's2']) await log.command(started, steer(id));
      await log.renew(started, started.fence);
      await log.settle(started, started.fence, 's1', { outcome: 'delivered' });
      await log.release(started, started.fence);
      await log.command(started, steer('s3'));
      const fence = newId('fence');
      await takeOver(log, started, 1, fence);
      const news = await log.renew(started, fence);
      expect(news.commands.map(({ id }) => id)).toEqual(['s2', 's3']);
      await log.end(started, fence, { reason: 'finish' });
      expect(await log.receipt(started, 's2')).toEqual({ outcome: 'not-delivered', reason: 'ended' });
    },
  },
  {
    id: 'take-over/late-outcome',
    title: 'keeps a steer for the next writer, whatever the one before says of it when it wakes up',
    async run({ log }) {
      const started = await startRun(log, { takeOverMs });
      const steer = { id: 's1', type: 'steer', parts: [{ type: 'text', text: 's1' }] } as const;
      await log.command(started, steer);
      await log.release(started, started.fence);
      const fence = newId('fence');
      await takeOver(log, started, 1, fence);
      await log.settle(started, started.fence, 's1', { outcome: 'not-delivered', reason: 'finished' });
      expect((await log.renew(started, fence)).commands).toEqual([steer]);
      await log.settle(started, fence, 's1', { outcome: 'delivered' });
      expect(await log.receipt(started, 's1')).toEqual({ outcome: 'delivered' });
    },
  },
  {
    id: 'take-over/unfinished',
    title: 'lists runs that wait for a writer, also where somebody has begun to finish them',
    async run({ log }) {
      const started = await releasedRun(log);
      await log.claim(started.chatId, `finish:${started.runId}`, 'dead-process', 60_000);
      const mine = async () => (await log.unfinished(1_000)).filter(({ runId }) => runId === started.runId);
      expect(await mine()).toEqual([{ ...started.run, interrupted: true }]);
      const fence = newId('fence');
      await takeOver(log, started, 1, fence);
      expect(await mine()).toEqual([]);
    },
  },
  {
    id: 'take-over/deleted',
    title: 'takes over no run of a chat that was deleted',
    async run({ log }) {
      const started = await releasedRun(log);
      await log.deleteChat(started.chatId);
      const answer = await takeOver(log, started);
      expect(answer).toMatchObject({ type: 'ended', run: { end: { reason: 'cancel' }, start: { tail: [] } } });
      expect(answer).not.toHaveProperty('context');
    },
  },
  {
    id: 'take-over/durable',
    title: 'knows after a restart which writer the run has, and what the next one needs',
    requires: ['durable'],
    async run(harness) {
      if (!harness.reopen) throw new Error('The harness says that it supports `durable`, but has no `reopen`.');
      const started = await releasedRun(harness.log);
      const fence = newId('fence');
      await takeOver(harness.log, started, 1, fence);
      await harness.log.append(started, fence, textFrame(0, 'a'));
      const log = await harness.reopen();
      expect(await log.append(started, started.fence, textFrame(1, 'b'))).toEqual(superseded);
      expect(await log.append(started, fence, textFrame(1, 'b'))).toEqual({ commands: [], cursor: 0 });
      await log.release(started, fence);
      expect(await takeOver(log, started, 2)).toMatchObject({
        type: 'taken-over',
        run: { attempt: 3, next: 2 },
        context,
      });
    },
  },
];
