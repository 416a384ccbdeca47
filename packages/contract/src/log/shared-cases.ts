import { expect } from 'vitest';
import type { LogCase } from './log-case.ts';
import { appendAll, newId, patienceMs, readAll, runInit, second, startRun, textFrame, within } from './log-helpers.ts';

/** How soon a signal must reach a run that another process writes, in milliseconds. */
const crossProcessNoticeMs = 300;

const waitMs = patienceMs * 2;

/** Two handles on one store, as two processes have them; and what is there after a restart. */
export const sharedCases: readonly LogCase[] = [
  {
    id: 'shared/cancel-notice',
    title: 'stops a silent run that another process writes within 300 ms',
    requires: ['shared'],
    async run(harness) {
      const { log } = harness;
      const other = await second(harness);
      const took: number[] = [];
      // The best of a few: on a busy machine one may be late for reasons that are not the log's.
      for (let round = 0; round < 5; round += 1) {
        const started = await startRun(log);
        const news = log.waitForCommand(started, started.fence, { waitMs });
        const began = performance.now();
        expect(await other.command(started, { id: 'c1', type: 'cancel' })).toEqual({ outcome: 'delivered' });
        expect((await within('the news', news)).end).toEqual({ reason: 'cancel' });
        took.push(performance.now() - began);
      }
      expect(Math.min(...took)).toBeLessThan(crossProcessNoticeMs);
    },
  },
  {
    id: 'shared/cancel-write',
    title: 'lets a writer add nothing after a cancel elsewhere',
    requires: ['shared'],
    async run(harness) {
      const { log } = harness;
      const other = await second(harness);
      const started = await startRun(log);
      await appendAll(log, started, textFrame(0, 'a'));
      await other.command(started, { id: 'c1', type: 'cancel' });
      expect(await log.append(started, started.fence, textFrame(1, 'b'))).toEqual({
        end: { reason: 'cancel' },
        commands: [],
        cursor: 0,
      });
      expect((await readAll(other, started)).run).toMatchObject({ next: 1, end: { reason: 'cancel' } });
    },
  },
  {
    id: 'shared/follow',
    title: 'shows a reader elsewhere each frame, the end, and the next run',
    requires: ['shared'],
    async run(harness) {
      const { log } = harness;
      const other = await second(harness);
      const started = await startRun(log);
      for (let at = 0; at < 3; at += 1) {
        const read = other.read(started, { from: at, waitMs });
        await appendAll(log, started, textFrame(at, `token ${at}`));
        expect((await within('the frame', read)).frames).toEqual([textFrame(at, `token ${at}`)]);
      }
      const end = other.read(started, { from: 3, waitMs });
      await log.end(started, started.fence, { reason: 'finish' });
      expect((await within('the end', end)).run.end).toEqual({ reason: 'finish' });
      const watch = other.state(started.chatId, { after: 1, waitMs });
      await startRun(log, { chatId: started.chatId });
      expect((await within('the next run', watch)).turn).toBe(2);
    },
  },
  {
    id: 'shared/steer',
    title: 'hands a message to a run that another process writes, and shows its outcome there',
    requires: ['shared'],
    async run(harness) {
      const { log } = harness;
      const other = await second(harness);
      const started = await startRun(log);
      const steer = { id: newId('steer'), type: 'steer', parts: [{ type: 'text', text: 'shorter' }] } as const;
      const news = log.waitForCommand(started, started.fence, { waitMs });
      expect(await other.command(started, steer)).toEqual({ outcome: 'accepted' });
      expect((await within('the news', news)).commands).toEqual([steer]);
      await log.settle(started, started.fence, steer.id, { outcome: 'delivered' });
      expect(await other.command(started, steer)).toEqual({ outcome: 'delivered' });
    },
  },
  {
    id: 'shared/parked',
    title: 'meets a cancel that another process parked',
    requires: ['shared'],
    async run(harness) {
      const init = runInit();
      await (await second(harness)).command(init, { id: 'c1', type: 'cancel' });
      expect(await harness.log.begin(init)).toMatchObject({ type: 'cancelled' });
    },
  },
  {
    id: 'shared/race',
    title: 'lets one of two processes that begin and claim at the same time win',
    requires: ['shared'],
    async run(harness) {
      const logs = [harness.log, await second(harness)];
      const chatId = newId('chat');
      const begun = await Promise.all(logs.map((log) => log.begin(runInit({ chatId }))));
      expect(begun.map(({ type }) => type).sort()).toEqual(['busy', 'started']);
      const granted = await Promise.all(
        logs.map((log, owner) => log.claim(chatId, 'tool:1', `owner-${owner}`, 60_000)),
      );
      expect(granted.sort()).toEqual([false, true]);
    },
  },
  {
    id: 'shared/reopen',
    title: 'has everything that was acknowledged after it was closed and opened again',
    requires: ['durable'],
    async run(harness) {
      const { log } = harness;
      const started = await startRun(log);
      await appendAll(log, started, textFrame(0, 'a', 'b'), textFrame(2, 'c'));
      const steer = { id: newId('steer'), type: 'steer', parts: [{ type: 'text', text: 'shorter' }] } as const;
      await log.command(started, steer);
      const before = await log.state(started.chatId);
      if (!harness.reopen) throw new Error('The harness says that it supports `durable`, but has no `reopen`.');
      const again = await harness.reopen();
      expect(await again.state(started.chatId)).toEqual(before);
      expect((await readAll(again, started)).frames).toEqual([textFrame(0, 'a', 'b'), textFrame(2, 'c')]);
      expect(await again.append(started, started.fence, textFrame(3, 'd'))).toEqual({ commands: [steer], cursor: 1 });
    },
  },
];
