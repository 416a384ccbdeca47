import { expect } from 'vitest';
import type { LogCase } from './log-case.ts';
import { appendAll, endedRun, expectCode, newId, readAll, startRun, textFrame } from './log-helpers.ts';

/** Replays from any position. */
export const readCases: readonly LogCase[] = [
  {
    id: 'read/from-boundaries',
    title: 'replays from every frame boundary, and from the end with nothing',
    async run({ log }) {
      const started = await startRun(log);
      const frames = [textFrame(0, 'a'), textFrame(1, 'b', 'c'), textFrame(3, 'd', 'e', 'f')];
      await appendAll(log, started, ...frames);
      for (const [index, from] of [0, 1, 3, 6].entries()) {
        expect((await readAll(log, started, from)).frames).toEqual(frames.slice(index));
      }
    },
  },
  {
    id: 'read/invalid-offset',
    title: 'refuses an offset inside a frame, an offset beyond the end, and an invalid offset',
    async run({ log }) {
      const started = await startRun(log);
      await appendAll(log, started, textFrame(0, 'a', 'b', 'c'), textFrame(3, 'd'));
      for (const from of [1, 2, 5, -1, 0.5, Number.NaN, 3_000_000_000, 2 ** 60]) {
        await expectCode('invalid-offset', log.read(started, { from, waitMs: 60_000 }));
      }
    },
  },
  {
    id: 'read/unknown',
    title: 'says not-found for an unknown run, and for a run of another chat',
    async run({ log }) {
      const { chatId, runId } = await startRun(log);
      await expectCode('not-found', log.read({ chatId, runId: newId('run') }, { from: 0 }));
      await expectCode('not-found', log.read({ chatId: newId('chat'), runId }, { from: 0, waitMs: 60_000 }));
    },
  },
  {
    id: 'read/ended',
    title: 'replays a run that is over, and answers at once at its end',
    async run({ log }) {
      const started = await startRun(log);
      await appendAll(log, started, textFrame(0, 'a'));
      await log.end(started, started.fence, { reason: 'deadline' });
      const { frames, run } = await log.read(started, { from: 0, waitMs: 60_000 });
      expect({ frames, end: run.end }).toEqual({ frames: [textFrame(0, 'a')], end: { reason: 'deadline' } });
      expect((await log.read(started, { from: 1, waitMs: 60_000 })).frames).toEqual([]);
    },
  },
  {
    id: 'read/many-frames',
    title: 'replays 2,000 frames whole and in order',
    async run({ log }) {
      const started = await startRun(log);
      const frames = Array.from({ length: 2_000 }, (_, at) => textFrame(at, `token ${at} `));
      await appendAll(log, started, ...frames);
      expect((await readAll(log, started)).frames).toEqual(frames);
    },
  },
  {
    id: 'read/big-frames',
    title: 'keeps frames of 1 and 5 MB between small ones, whole',
    async run({ log }) {
      const started = await startRun(log);
      const frames = [
        textFrame(0, 'small'),
        textFrame(1, 'é😀'.repeat(160_000)),
        textFrame(2, 'x'.repeat(5_000_000)),
        textFrame(3, 'a', '😀'.repeat(1_300_000), 'c'),
        textFrame(6, 'end'),
      ];
      await appendAll(log, started, ...frames);
      const replay = (await readAll(log, started)).frames;
      // Not `toEqual` on megabytes: a failure would print them.
      expect(JSON.stringify(replay) === JSON.stringify(frames)).toBe(true);
    },
  },
  {
    id: 'read/bounded',
    title: 'answers 40 MB of frames in parts that fit into memory',
    async run({ log }) {
      const started = await startRun(log);
      for (let at = 0; at < 20; at += 1) await appendAll(log, started, textFrame(at, 'x'.repeat(2_000_000)));
      const { frames, run } = await log.read(started, { from: 0 });
      expect(run.next).toBe(20);
      expect(frames.length).toBeGreaterThan(0);
      expect(frames.length).toBeLessThan(20);
      expect((await readAll(log, started)).frames).toHaveLength(20);
    },
  },
  {
    id: 'read/empty-run',
    title: 'answers a run that ended without a word',
    async run({ log }) {
      const started = await endedRun(log);
      expect(await log.read(started, { from: 0, waitMs: 60_000 })).toMatchObject({
        frames: [],
        run: { next: 0, end: { reason: 'finish' } },
      });
    },
  },
];
