import {
  maxOpenSteersLength,
  maxOpenSteersPerRun,
  maxSteersPerRun,
  type SteerCommand,
} from '@chat-transport/core/provider';
import { expect } from 'vitest';
import type { LogCase } from './log-case.ts';
import {
  endedRun,
  expectCode,
  newId,
  patienceMs,
  runInit,
  shortLeaseMs,
  startRun,
  textFrame,
  within,
} from './log-helpers.ts';

const accepted = { outcome: 'accepted' } as const;
const delivered = { outcome: 'delivered' } as const;
const ended = { outcome: 'not-delivered', reason: 'ended' } as const;
const steer = (text: string): SteerCommand => ({ id: newId('steer'), type: 'steer', parts: [{ type: 'text', text }] });

/** Messages to a run that is under way. */
export const steerCases: readonly LogCase[] = [
  {
    id: 'steer/news',
    title: 'shows the writer the messages, oldest first, until it is settled or the cursor is behind it',
    async run({ log }) {
      const started = await startRun(log);
      const [one, two, three] = [steer('shorter'), steer('in French'), steer('louder')];
      expect(await log.command(started, one)).toEqual(accepted);
      expect(await log.command(started, two)).toEqual(accepted);
      const { fence } = started;
      const news = { commands: [one, two], cursor: 2 };
      expect(await log.append(started, fence, textFrame(0, 'a'))).toEqual(news);
      // The same frame again, after a lost reply: the same news.
      expect(await log.append(started, fence, textFrame(0, 'a'))).toEqual(news);
      expect(await log.renew(started, fence)).toEqual(news);
      expect(await log.waitForCommand(started, fence, {})).toEqual(news);
      await log.command(started, three);
      const next = { commands: [three], cursor: 3 };
      expect(await log.append(started, fence, textFrame(1, 'b'), 2)).toEqual(next);
      expect(await log.renew(started, fence, 2)).toEqual(next);
      expect(await log.waitForCommand(started, fence, { cursor: 2 })).toEqual(next);
      expect(await log.renew(started, fence, 3)).toEqual({ commands: [], cursor: 3 });
      await log.settle(started, started.fence, one.id, delivered);
      expect(await log.renew(started, fence)).toEqual({ commands: [two, three], cursor: 3 });
    },
  },
  {
    id: 'steer/wakes-writer',
    title: 'wakes a writer that waits, for what is behind its cursor only',
    async run({ log }) {
      const started = await startRun(log);
      const [one, two] = [steer('one'), steer('two')];
      await log.command(started, one);
      const wait = log.waitForCommand(started, started.fence, { cursor: 1, waitMs: patienceMs * 2 });
      await log.command(started, one);
      await log.command(started, two);
      expect(await within('the news', wait)).toEqual({ commands: [two], cursor: 2 });
    },
  },
  {
    id: 'steer/wait-ends',
    title: 'ends the writer’s waiting after its time with nothing new',
    async run({ log }) {
      const started = await startRun(log);
      const wait = log.waitForCommand(started, started.fence, { waitMs: 30 });
      expect(await within('the end of the waiting', wait)).toEqual({ commands: [], cursor: 0 });
    },
  },
  {
    id: 'steer/same-id',
    title: 'takes the same message once and answers its outcome as it is now',
    async run({ log }) {
      const started = await startRun(log);
      const one = steer('one');
      await log.command(started, one);
      expect(await log.command(started, one)).toEqual(accepted);
      expect(await log.renew(started, started.fence)).toEqual({ commands: [one], cursor: 1 });
      await log.settle(started, started.fence, one.id, delivered);
      expect(await log.command(started, one)).toEqual(delivered);
    },
  },
  {
    id: 'steer/first-outcome',
    title: 'keeps the first outcome of a message',
    async run({ log }) {
      const started = await startRun(log);
      const [one, two] = [steer('one'), steer('two')];
      await log.command(started, one);
      await log.command(started, two);
      await log.settle(started, started.fence, one.id, { outcome: 'not-delivered', reason: 'stop-condition' });
      await log.settle(started, started.fence, one.id, delivered);
      await log.settle(started, started.fence, two.id, delivered);
      await log.end(started, started.fence, { reason: 'finish' });
      expect(await log.command(started, one)).toEqual({ outcome: 'not-delivered', reason: 'stop-condition' });
      expect(await log.command(started, two)).toEqual(delivered);
    },
  },
  {
    id: 'steer/unsettled-at-end',
    title: 'settles as not delivered what nobody took before the run ended',
    async run({ log }) {
      const [finished, cancelled] = [await startRun(log), await startRun(log)];
      const one = steer('one');
      for (const started of [finished, cancelled]) await log.command(started, one);
      await log.end(finished, finished.fence, { reason: 'finish' });
      await log.command(cancelled, { id: 'c1', type: 'cancel' });
      for (const started of [finished, cancelled]) {
        await log.settle(started, started.fence, one.id, delivered);
        expect(await log.command(started, one)).toEqual(ended);
      }
    },
  },
  {
    id: 'steer/lost',
    title: 'settles as not delivered what a dead writer never took',
    async run({ log }) {
      const started = await startRun(log, { leaseMs: shortLeaseMs });
      const one = steer('one');
      await log.command(started, one);
      await within('the end', log.read(started, { from: 0, waitMs: patienceMs * 2 }));
      expect(await log.command(started, one)).toEqual(ended);
    },
  },
  {
    id: 'steer/after-end',
    title: 'does not take a message for a run that is over',
    async run({ log }) {
      expect(await log.command(await endedRun(log), steer('late'))).toEqual(ended);
    },
  },
  {
    id: 'steer/unknown',
    title: 'says not-found for a message to an unknown run, and parks nothing',
    async run({ log }) {
      const init = runInit();
      await expectCode('not-found', log.command(init, steer('early')));
      const { fence } = await startRun(log, init);
      expect(await log.renew(init, fence)).toEqual({ commands: [], cursor: 0 });
    },
  },
  {
    id: 'steer/receipt',
    title: 'wakes a reader that waits for the outcome of a message, with its outcome or the run’s end',
    async run({ log }) {
      const [started, other] = [await startRun(log), await startRun(log)];
      const one = steer('one');
      for (const run of [started, other]) await log.command(run, one);
      expect(await log.receipt(started, one.id)).toEqual(accepted);
      expect(await within('the end of the waiting', log.receipt(started, one.id, { waitMs: 30 }))).toEqual(accepted);
      const receipts = [started, other].map((run) => log.receipt(run, one.id, { waitMs: patienceMs * 2 }));
      await log.settle(started, started.fence, one.id, delivered);
      await log.end(other, other.fence, { reason: 'finish' });
      expect(await within('the outcomes', Promise.all(receipts))).toEqual([delivered, ended]);
      expect(await log.receipt(started, 'another')).toEqual({ outcome: 'not-delivered', reason: 'unknown' });
    },
  },
  {
    id: 'steer/limit',
    title: 'refuses more messages than may wait, takes them when there is room, and more than a run takes in all',
    async run({ log }) {
      const started = await startRun(log);
      const all = Array.from({ length: maxOpenSteersPerRun + 1 }, (_, index) => steer(`${index}`));
      const last = all.pop() ?? steer('');
      for (const each of all) expect(await log.command(started, each)).toEqual(accepted);
      await expectCode('rate-limited', log.command(started, last));
      expect(await log.command(started, all[0] ?? last)).toEqual(accepted);
      await log.settle(started, started.fence, all[0]?.id ?? '', delivered);
      expect(await log.command(started, last)).toEqual(accepted);
    },
  },
  {
    id: 'steer/limit-in-all',
    title: 'refuses more messages than a run takes in all',
    async run({ log }) {
      const started = await startRun(log);
      for (let count = 0; count < maxSteersPerRun; count += 1) {
        const each = steer('again');
        await log.command(started, each);
        await log.settle(started, started.fence, each.id, delivered);
        // As a writer does it: on a slow log this takes longer than a lease.
        if (count % 50 === 0) await log.renew(started, started.fence, count);
      }
      await expectCode('rate-limited', log.command(started, steer('one more')));
    },
  },
  {
    id: 'steer/limit-bytes',
    title: 'refuses messages that are too large together',
    async run({ log }) {
      const started = await startRun(log);
      const half = 'x'.repeat(maxOpenSteersLength / 2 - 500);
      const [one, two] = [steer(half), steer(half)];
      await log.command(started, one);
      await log.command(started, two);
      await expectCode('too-large', log.command(started, steer('x'.repeat(2_000))));
      await log.settle(started, started.fence, one.id, delivered);
      expect(await log.command(started, steer('x'.repeat(2_000)))).toEqual(accepted);
    },
  },
];
