import type { UIMessageChunk } from 'ai';
import { expect } from 'vitest';
import type { LogCase } from './log-case.ts';
import { appendAll, endedRun, expectCode, newId, readAll, startRun, textFrame } from './log-helpers.ts';

/** What a writer may append. */
export const appendCases: readonly LogCase[] = [
  {
    id: 'append/in-order',
    title: 'keeps frames in order with the boundaries they were written with',
    async run({ log }) {
      const started = await startRun(log);
      const frames = [textFrame(0, 'a'), textFrame(1, 'b', 'c', 'd'), textFrame(4, 'e')];
      await appendAll(log, started, ...frames);
      expect(await readAll(log, started)).toEqual({ frames, run: { ...started.run, next: 5 } });
    },
  },
  {
    id: 'append/verbatim',
    title: 'gives chunks back verbatim, unknown types and fields included',
    async run({ log }) {
      const started = await startRun(log);
      const chunks = [
        {
          type: 'text-delta',
          id: 'x',
          delta: 'Ünïcödé 😀 \u0000 \ud83d "\\',
          providerMetadata: { a: { b: [1, null, 1e21] } },
        },
        { type: 'from-the-future', nested: { deep: [{ __proto__x: true }] }, empty: {}, text: '' },
        JSON.parse('{"type":"tool-input-available","toolCallId":"t","toolName":"n","input":{"__proto__":{"a":1}}}'),
      ] as UIMessageChunk[];
      await log.append(started, started.fence, { at: 0, next: 3, chunks });
      const { frames } = await readAll(log, started);
      expect(JSON.stringify(frames[0]?.chunks)).toBe(JSON.stringify(chunks));
    },
  },
  {
    id: 'append/detached',
    title: 'is not changed by what a caller does to a frame afterwards',
    async run({ log }) {
      const started = await startRun(log);
      const frame = textFrame(0, 'a');
      await appendAll(log, started, frame);
      Object.assign(frame.chunks[0] ?? {}, { delta: 'changed' });
      Object.assign((await readAll(log, started)).frames[0]?.chunks[0] ?? {}, { delta: 'changed' });
      expect((await readAll(log, started)).frames).toEqual([textFrame(0, 'a')]);
    },
  },
  {
    id: 'append/gap-or-overlap',
    title: 'refuses a frame that is not at the next offset',
    async run({ log }) {
      const started = await startRun(log);
      await appendAll(log, started, textFrame(0, 'a', 'b'));
      await expectCode('protocol', log.append(started, started.fence, textFrame(3, 'd')));
      await expectCode('protocol', log.append(started, started.fence, textFrame(1, 'b', 'c')));
      expect((await readAll(log, started)).frames).toEqual([textFrame(0, 'a', 'b')]);
    },
  },
  {
    id: 'append/malformed',
    title: 'refuses a frame whose offsets do not count its chunks',
    async run({ log }) {
      const started = await startRun(log);
      const { chunks } = textFrame(0, 'a', 'b');
      await expectCode('protocol', log.append(started, started.fence, { at: 0, next: 3, chunks }));
      await expectCode('protocol', log.append(started, started.fence, { at: 0, next: 0, chunks: [] }));
      expect((await readAll(log, started)).run.next).toBe(0);
    },
  },
  {
    id: 'append/retry',
    title: 'accepts the last append again when its answer was lost, and only if it is identical',
    async run({ log }) {
      const started = await startRun(log);
      await appendAll(log, started, textFrame(0, 'a'), textFrame(1, 'b', 'c'), textFrame(1, 'b', 'c'));
      await expectCode('protocol', log.append(started, started.fence, textFrame(1, 'b', 'X')));
      await expectCode('protocol', log.append(started, started.fence, textFrame(1, 'b')));
      await expectCode('protocol', log.append(started, started.fence, textFrame(0, 'a')));
      await appendAll(log, started, textFrame(3, 'd'));
      expect((await readAll(log, started)).frames).toEqual([
        textFrame(0, 'a'),
        textFrame(1, 'b', 'c'),
        textFrame(3, 'd'),
      ]);
    },
  },
  {
    id: 'append/race',
    title: 'takes one of two different frames for the same offset',
    async run({ log }) {
      const started = await startRun(log);
      const calls = ['a', 'b', 'c'].map((delta) => log.append(started, started.fence, textFrame(0, delta)));
      const settled = await Promise.allSettled(calls);
      expect(settled.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected', 'rejected']);
      expect((await readAll(log, started)).run.next).toBe(1);
    },
  },
  {
    id: 'append/wrong-fence',
    title: 'lets a writer without the fence write, renew and end nothing',
    async run({ log }) {
      const started = await startRun(log);
      const superseded = { superseded: true, commands: [], cursor: 0 };
      const fence = newId('fence');
      expect(await log.append(started, fence, textFrame(0, 'a'))).toEqual(superseded);
      expect(await log.renew(started, fence)).toEqual(superseded);
      expect(await log.waitForCommand(started, fence, { waitMs: 60_000 })).toEqual(superseded);
      expect(await log.end(started, fence, { reason: 'finish' })).toEqual(started.run);
      expect(await readAll(log, started)).toEqual({ frames: [], run: started.run });
    },
  },
  {
    id: 'append/after-end',
    title: 'adds nothing to a run that is over, not even the last frame again',
    async run({ log }) {
      const started = await startRun(log);
      await appendAll(log, started, textFrame(0, 'a'));
      await log.end(started, started.fence, { reason: 'finish' });
      const over = { end: { reason: 'finish' }, commands: [], cursor: 0 };
      expect(await log.append(started, started.fence, textFrame(1, 'b'))).toEqual(over);
      expect(await log.append(started, started.fence, textFrame(0, 'a'))).toEqual(over);
      expect(await log.renew(started, started.fence)).toEqual(over);
      expect((await readAll(log, started)).frames).toEqual([textFrame(0, 'a')]);
    },
  },
  {
    id: 'append/first-end-stays',
    title: 'keeps the first end of a run',
    async run({ log }) {
      const started = await endedRun(log, {}, 'error');
      const again = await log.end(started, started.fence, { reason: 'finish' });
      expect(again).toMatchObject({ runId: started.runId, end: { reason: 'error' } });
      expect(again.endedAgoMs).toBeTypeOf('number');
    },
  },
  {
    id: 'append/unknown-run',
    title: 'says not-found to a writer of a run that never began',
    async run({ log }) {
      const { chatId } = await startRun(log);
      const unknown = { chatId, runId: newId('run') };
      await expectCode('not-found', log.append(unknown, 'fence', textFrame(0, 'a')));
      await expectCode('not-found', log.renew(unknown, 'fence'));
      await expectCode('not-found', log.end(unknown, 'fence', { reason: 'finish' }));
    },
  },
];
