import type { UIMessageChunk } from 'ai';
import { describe, expect, it } from 'vitest';
import { maxWaitingFrames, maxWaitingLength, PublishQueue } from '../../src/server/run/publish-queue.ts';
import type { Frame } from '../../src/wire/frame.ts';
import { decodeFrame } from '../../src/wire/frame-codec.ts';

const limits = { maxMessageBytes: 1000, flushIntervalMs: 100 };
const base = { v: 1, run: 'r', turn: 1 } as const;
const text = (delta: string): UIMessageChunk => ({ type: 'text-delta', id: 't', delta });
const span = (at: number, ...chunks: UIMessageChunk[]): Frame => ({ ...base, at, next: at + chunks.length, chunks });
const end = (at: number, run = 'r'): Frame => ({ ...base, run, at, end: { reason: 'finish' } });

function drain(queue: PublishQueue): Frame[] {
  const frames: Frame[] = [];
  for (let message = queue.take(0); message; message = queue.take(0)) frames.push(decodeFrame(message.data));
  return frames;
}

describe('what waits for a service', () => {
  it('leaves as one message where it fits, else in whole frames', () => {
    const queue = new PublishQueue(limits);
    const large = 'x'.repeat(250);
    for (let at = 0; at < 12; at += 2) queue.push(span(at, text('a'), text(large)), 0);
    queue.push(end(12), 0);
    const frames = drain(queue);
    expect(frames.map((frame) => ('next' in frame ? [frame.at, frame.next] : 'end'))).toEqual([[0, 6], [6, 12], 'end']);
  });

  it('points at a frame that is too large, and merges what is around it', () => {
    const queue = new PublishQueue(limits);
    queue.push(span(0, text('a')), 0);
    queue.push(span(1, text('x'.repeat(2000))), 0);
    queue.push(span(2, text('b')), 0);
    queue.push(span(3, text('c')), 0);
    expect(drain(queue)).toEqual([
      span(0, text('a')),
      { ...base, at: 1, next: 2 },
      { ...base, at: 2, next: 4, chunks: [text('b'), text('c')] },
    ]);
  });

  it('never merges runs, or frames with a gap between them', () => {
    const queue = new PublishQueue(limits);
    const frames = [span(0, text('a')), span(2, text('b')), { ...span(3, text('c')), run: 's' }];
    for (const frame of frames) queue.push(frame, 0);
    expect(drain(queue)).toEqual(frames);
  });

  it('is due at once for the first text of a run and for what is no text, and after the interval for later text', () => {
    const queue = new PublishQueue(limits);
    expect(queue.dueAt()).toBe(Number.POSITIVE_INFINITY);
    queue.push(span(0, { type: 'start' }), 1000);
    queue.take(1000);
    queue.push(span(1, text('a')), 1001);
    expect(queue.dueAt()).toBe(0);
    queue.take(1001);
    queue.push(span(2, text('b')), 1010);
    expect(queue.dueAt()).toBe(1101);
    queue.push(span(3, { type: 'text-end', id: 't' }), 1020);
    expect(queue.dueAt()).toBe(0);
    queue.take(1020);
    queue.push({ ...span(0, text('a')), run: 's' }, 1030);
    expect(queue.dueAt()).toBe(0);
  });

  it('goes back in its place when the service refuses it', () => {
    const queue = new PublishQueue(limits);
    queue.push(span(0, text('a')), 0);
    const first = queue.take(0);
    queue.push(span(1, text('b')), 0);
    const second = queue.take(0);
    queue.push(end(2), 0);
    queue.putBack(second?.frames ?? []);
    queue.putBack(first?.frames ?? []);
    expect(drain(queue)).toEqual([{ ...base, at: 0, next: 2, chunks: [text('a'), text('b')] }, end(2)]);
  });

  it('becomes one pointer when it is too much', () => {
    const total = { length: 0 };
    const queue = new PublishQueue(limits, total);
    let outcome = 'kept';
    let at = 0;
    for (; outcome === 'kept'; at += 1) outcome = queue.push(span(at, text('x'.repeat(10_000))), 0);
    expect(outcome).toBe('condensed');
    expect(at).toBeLessThanOrEqual(maxWaitingLength / 10_000 + 1);
    expect(total.length).toBeLessThan(100);
    queue.push(end(at), 0);
    expect(drain(queue)).toEqual([{ ...base, at: 0, next: at }, end(at)]);
    expect(total.length).toBe(0);
  });

  it('is bounded in number, and the oldest falls out', () => {
    const queue = new PublishQueue(limits);
    const outcomes = Array.from({ length: maxWaitingFrames + 2 }, (_, index) => queue.push(end(1, `r${index}`), 0));
    expect(outcomes.filter((outcome) => outcome === 'dropped')).toHaveLength(2);
    const frames = drain(queue);
    expect(frames).toHaveLength(maxWaitingFrames);
    expect(frames[0]?.run).toBe('r2');
  });
});
