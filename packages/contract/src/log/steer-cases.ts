import type { SteerCommand } from '@chat-transport/core/provider';
import { expect } from 'vitest';
import type { LogCase } from './log-case.ts';
import { endedRun, expectCode, newId, patienceMs, runInit, startRun, textFrame, within } from './log-helpers.ts';

const accepted = { outcome: 'accepted' } as const;
const delivered = { outcome: 'delivered' } as const;
const ended = { outcome: 'not-delivered', reason: 'ended' } as const;
const steer = (text: string): SteerCommand => ({ id: newId('steer'), type: 'steer', parts: [{ type: 'text', text }] });

/** Messages to a run that is under way. */
export const steerCases: readonly LogCase[] = [
  {
    id: 'steer/news',
    title: 'shows the writer what was said, oldest first, at each call until it is settled',
    async run({ log }) {
      const started = await startRun(log);
      const [one, two] = [steer('shorter'), steer('in French')];
      expect(await log.command(started, one)).toEqual(accepted);
      expect(await log.command(started, two)).toEqual(accepted);
      const news = { commands: [one, two] };
      expect(await log.append(started, started.fence, textFrame(0, 'a'))).toEqual(news);
      expect(await log.renew(started, started.fence)).toEqual(news);
      expect(await log.waitForCommand(started, started.fence, { known: [] })).toEqual(news);
      await log.settle(started, one.id, delivered);
      expect(await log.renew(started, started.fence)).toEqual({ commands: [two] });
    },
  },
  {
    id: 'steer/wakes-writer',
    title: 'wakes a writer that waits, for what it does not know yet only',
    async run({ log }) {
      const started = await startRun(log);
      const [one, two] = [steer('one'), steer('two')];
      await log.command(started, one);
      const wait = log.waitForCommand(started, started.fence, { known: [one.id], waitMs: patienceMs * 2 });
      await log.command(started, one);
      await log.command(started, two);
      expect(await within('the news', wait)).toEqual({ commands: [one, two] });
    },
  },
  {
    id: 'steer/wait-ends',
    title: 'ends the writer’s waiting after its time with nothing new',
    async run({ log }) {
      const started = await startRun(log);
      const wait = log.waitForCommand(started, started.fence, { known: [], waitMs: 30 });
      expect(await within('the end of the waiting', wait)).toEqual({ commands: [] });
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
      expect(await log.renew(started, started.fence)).toEqual({ commands: [one] });
      await log.settle(started, one.id, delivered);
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
      await log.settle(started, one.id, { outcome: 'not-delivered', reason: 'stop-condition' });
      await log.settle(started, one.id, delivered);
      await log.settle(started, two.id, delivered);
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
        await log.settle(started, one.id, delivered);
        expect(await log.command(started, one)).toEqual(ended);
      }
    },
  },
  {
    id: 'steer/lost',
    title: 'settles as not delivered what a dead writer never took',
    async run({ log }) {
      const started = await startRun(log, { leaseMs: 300 });
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
      expect(await log.renew(init, fence)).toEqual({ commands: [] });
    },
  },
];
