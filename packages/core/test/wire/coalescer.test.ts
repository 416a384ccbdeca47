import type { UIMessageChunk } from 'ai';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createCoalescer, frameEnvelopeBytes } from '../../src/wire/coalescer.ts';
import { encodeFrame, frameBytes } from '../../src/wire/frame-codec.ts';
import { cpuMs } from './cpu-time.ts';
import { canonical, sdkFold } from './folds.ts';
import { runChunks } from './streams.ts';

const text = (delta: string, fields: object = {}): UIMessageChunk => ({
  type: 'text-delta',
  id: 't',
  delta,
  ...fields,
});
const metered = { flushIntervalMs: 100, maxFrameBytes: 1000 };

describe('the coalescer', () => {
  it('sends the first chunk and the first text of a run at once, and later text once the interval is over', () => {
    const coalescer = createCoalescer(metered);
    expect(coalescer.dueAt()).toBe(Number.POSITIVE_INFINITY);
    coalescer.push({ type: 'start', messageId: 'm' });
    expect(coalescer.dueAt()).toBe(0);
    coalescer.take(1000);
    coalescer.push(text('a'));
    expect(coalescer.dueAt()).toBe(0);
    expect(coalescer.take(1010)).toEqual([text('a')]);
    expect(coalescer.dueAt()).toBe(Number.POSITIVE_INFINITY);
    coalescer.push(text('b'));
    coalescer.push(text('c'));
    expect(coalescer.dueAt()).toBe(1110);
    expect(coalescer.take(1110)).toEqual([text('bc')]);
    expect(coalescer.pendingBytes).toBe(0);
    expect(coalescer.take(1110)).toEqual([]);
  });

  it('sends what is not text at once, with the text in front of it', () => {
    const coalescer = createCoalescer(metered);
    coalescer.push({ type: 'start', messageId: 'm' });
    coalescer.take(0);
    coalescer.push(text('a'));
    coalescer.push({ type: 'text-end', id: 't' });
    expect(coalescer.dueAt()).toBe(0);
    expect(coalescer.take(0)).toEqual([text('a'), { type: 'text-end', id: 't' }]);
  });

  it('is due at once on a socket of our own', () => {
    const coalescer = createCoalescer({ flushIntervalMs: 0, maxFrameBytes: Number.POSITIVE_INFINITY });
    coalescer.push(text('a'));
    coalescer.take(5);
    coalescer.push(text('b'));
    expect(coalescer.dueAt()).toBeLessThanOrEqual(5);
  });

  it('is due at once when a frame is full, and keeps the rest for the next one', () => {
    const coalescer = createCoalescer({ flushIntervalMs: 100, maxFrameBytes: 100 });
    coalescer.push({ type: 'start' });
    coalescer.take(0);
    for (let i = 0; i < 20; i++) coalescer.push(text('0123456789'));
    expect(coalescer.dueAt()).toBe(0);
    const frames = [];
    for (let frame = coalescer.take(0); frame.length > 0; frame = coalescer.take(0)) frames.push(frame);
    for (const frame of frames) expect(frameBytes(JSON.stringify(frame))).toBeLessThanOrEqual(100);
    expect(
      frames
        .flat()
        .map((chunk) => (chunk as { delta: string }).delta)
        .join(''),
    ).toBe('0123456789'.repeat(20));
  });

  it('sends a chunk that is larger than a frame alone', () => {
    const coalescer = createCoalescer({ flushIntervalMs: 100, maxFrameBytes: 100 });
    coalescer.push(text('a'));
    coalescer.push(text('x'.repeat(500)));
    coalescer.push(text('b'));
    expect([coalescer.take(0), coalescer.take(0), coalescer.take(0)]).toEqual([
      [text('a')],
      [text('x'.repeat(500))],
      [text('b')],
    ]);
  });

  it.each([
    ['another part', text('b', { id: 'u' })],
    ['fields that it does not know', text('b', { signature: 's' })],
    ['another kind', { type: 'reasoning-delta', id: 't', delta: 'b' } as UIMessageChunk],
  ])('does not merge text with %s', (_, second) => {
    const coalescer = createCoalescer(metered);
    coalescer.push(text('a'));
    coalescer.push(second);
    expect(coalescer.take(0)).toEqual([text('a'), second]);
  });

  it('keeps the provider metadata that the message would have', () => {
    const coalescer = createCoalescer(metered);
    coalescer.push(text('a', { providerMetadata: { p: { a: 1 } } }));
    coalescer.push(text('b'));
    coalescer.push(text('c', { providerMetadata: { p: { b: 2 } } }));
    coalescer.push(text('d', { providerMetadata: null }));
    expect(coalescer.take(0)).toEqual([text('abcd', { providerMetadata: { p: { b: 2 } } })]);
  });

  it('joins an emoji that the model cut in two', () => {
    const coalescer = createCoalescer(metered);
    coalescer.push(text('\ud83d'));
    coalescer.push(text('\ude00'));
    expect(coalescer.take(0)).toEqual([text('😀')]);
  });

  it('leaves the chunks that it was given as they are', () => {
    const coalescer = createCoalescer(metered);
    const [first, second] = [Object.freeze(text('a')), Object.freeze(text('b'))];
    coalescer.push(first);
    coalescer.push(second);
    expect(coalescer.take(0)).toEqual([text('ab')]);
    expect(first).toEqual(text('a'));
  });

  it('asks for the model to wait while too much is pending, and goes on when it has left', () => {
    const coalescer = createCoalescer({ flushIntervalMs: 0, maxFrameBytes: 50_000 });
    while (!coalescer.isFull) coalescer.push(text('x'.repeat(100)));
    expect(coalescer.pendingBytes).toBeGreaterThanOrEqual(200_000);
    expect(coalescer.pendingBytes).toBeLessThan(210_000);
    coalescer.take(0);
    expect(coalescer.isFull).toBe(false);
  });

  it('merges 200,000 tokens in linear time', async () => {
    const merge = (tokens: number): void => {
      const coalescer = createCoalescer({ flushIntervalMs: 100, maxFrameBytes: Number.POSITIVE_INFINITY });
      for (let i = 0; i < tokens; i++) coalescer.push(text('token'));
      expect((coalescer.take(0)[0] as { delta: string }).delta.length).toBe(5 * tokens);
    };
    const base = Math.max(await cpuMs(() => merge(20_000)), 5);
    expect(await cpuMs(() => merge(200_000))).toBeLessThan(40 * base);
  });

  it('yields, for any run and any moments of sending, frames within the limit that fold to the same message', async () => {
    await fc.assert(
      fc.asyncProperty(
        runChunks('m1'),
        fc.integer({ min: 40, max: 600 }),
        fc.infiniteStream(fc.boolean()),
        async (chunks, maxFrameBytes, takes) => {
          const coalescer = createCoalescer({ flushIntervalMs: 100, maxFrameBytes });
          const frames: UIMessageChunk[][] = [];
          for (const chunk of chunks) {
            coalescer.push(chunk);
            if (takes.next().value) frames.push(coalescer.take(0));
          }
          while (coalescer.dueAt() !== Number.POSITIVE_INFINITY) frames.push(coalescer.take(0));
          expect(coalescer.pendingBytes).toBe(0);
          for (const frame of frames) {
            expect(frame.length).toBeGreaterThan(0);
            if (frame.length > 1) expect(frameBytes(JSON.stringify(frame))).toBeLessThanOrEqual(maxFrameBytes);
          }
          const sent = frames.flat();
          const others = (all: UIMessageChunk[]): UIMessageChunk[] =>
            all.filter(({ type }) => !type.endsWith('-delta'));
          expect(others(sent)).toEqual(others(chunks));
          expect(canonical(await sdkFold(sent))).toBe(canonical(await sdkFold(chunks)));
        },
      ),
      { numRuns: 200 },
    );
  });

  it('leaves room for what a frame has around its chunks', () => {
    const largest = Number.MAX_SAFE_INTEGER;
    const empty = { v: 1 as const, run: 'r'.repeat(128), turn: largest, at: largest, next: largest, chunks: [] };
    expect(frameBytes(encodeFrame(empty))).toBeLessThanOrEqual(frameEnvelopeBytes);
  });
});
