import type { UIMessageChunk } from 'ai';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { maxHeldChunks, Sequencer } from '../../src/client/sequencer.ts';
import type { ChunksFrame, EndFrame, PointerFrame } from '../../src/wire/frame.ts';

const base = { v: 1, run: 'run', turn: 1 } as const;
const chunk = (offset: number): UIMessageChunk => ({ type: 'text-delta', id: 't', delta: String(offset) });
const frame = (at: number, next: number): ChunksFrame => ({
  ...base,
  at,
  next,
  chunks: Array.from({ length: next - at }, (_, index) => chunk(at + index)),
});
const pointer = (at: number, next: number): PointerFrame => ({ ...base, at, next });
const end = (at: number): EndFrame => ({ ...base, at, end: { reason: 'finish' } });
const offsets = (chunks: UIMessageChunk[]) => chunks.map((c) => Number((c as { delta: string }).delta));

describe('sequencer', () => {
  it('delivers each offset once and in order, whatever the paths do to the frames', () => {
    const frames = fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 30 }).map((sizes) => {
      let at = 0;
      return sizes.map((size) => {
        at += size;
        return frame(at - size, at);
      });
    });
    const story = frames.chain((all) =>
      fc.record({
        all: fc.constant(all),
        // Any number of deliveries, in any order, alone, as pointers, or merged with the frames behind them, then everything once more
        // as a log read would bring it.
        noise: fc.array(fc.record({ index: fc.nat(all.length), asPointer: fc.boolean(), merged: fc.nat({ max: 4 }) }), {
          maxLength: 80,
        }),
      }),
    );
    fc.assert(
      fc.property(story, ({ all, noise }) => {
        const total = all.at(-1)?.next ?? 0;
        const sequencer = new Sequencer();
        const out: number[] = [];
        for (const { index, asPointer, merged } of noise) {
          const one = all[index];
          const next = (all[index + merged] ?? one)?.next ?? 0;
          out.push(...offsets(sequencer.push(one ? (asPointer ? pointer : frame)(one.at, next) : end(total))));
          expect(sequencer.position).toBe(out.length);
        }
        if (sequencer.ended) expect(out.length).toBe(total);
        for (const one of all) out.push(...offsets(sequencer.push(one)));
        sequencer.push(end(total));
        expect(out).toEqual(Array.from({ length: total }, (_, offset) => offset));
        expect(sequencer.ended).toBe('finish');
        expect(sequencer.missing).toBe(false);
      }),
    );
  });

  it('delivers the rest of a message that began behind its position', () => {
    const sequencer = new Sequencer();
    sequencer.push(frame(0, 3));
    expect(offsets(sequencer.push(frame(1, 5)))).toEqual([3, 4]);
    sequencer.push(frame(7, 9));
    expect(offsets(sequencer.push(frame(4, 8)))).toEqual([5, 6, 7, 8]);
    expect([sequencer.position, sequencer.missing]).toEqual([9, false]);
  });

  it('cuts nothing that begins at 0: it may be a snapshot without saying so', () => {
    const sequencer = new Sequencer();
    sequencer.push(frame(0, 3));
    expect(sequencer.push({ ...base, at: 0, next: 5, chunks: [chunk(0), chunk(1)] })).toEqual([]);
    expect([sequencer.position, sequencer.missing]).toEqual([3, true]);
  });

  it('keeps the longer one of two messages with the same beginning', () => {
    const sequencer = new Sequencer();
    sequencer.push(frame(2, 6));
    sequencer.push(frame(2, 4));
    expect(offsets(sequencer.push(frame(0, 2)))).toEqual([0, 1, 2, 3, 4, 5]);
  });

  it('does not report the end while offsets in front of it are missing', () => {
    const sequencer = new Sequencer();
    sequencer.push(frame(0, 2));
    sequencer.push(end(4));
    expect(sequencer.ended).toBeUndefined();
    expect(sequencer.missing).toBe(true);
    sequencer.push(frame(2, 4));
    expect(sequencer.ended).toBe('finish');
  });

  it('takes a snapshot only at position 0, and knows then what is missing', () => {
    const snapshot: ChunksFrame = { ...base, at: 0, next: 10, chunks: [chunk(0)], snapshot: true };
    const fresh = new Sequencer();
    expect(fresh.push(snapshot)).toHaveLength(1);
    expect(fresh.position).toBe(10);
    const further = new Sequencer();
    further.push(frame(0, 3));
    expect(further.push(snapshot)).toEqual([]);
    expect(further.position).toBe(3);
    expect(further.missing).toBe(true);
  });

  it('holds a bounded number of chunks ahead and reads the rest from the log', () => {
    const sequencer = new Sequencer();
    for (let at = 1; at < maxHeldChunks * 3; at++) sequencer.push(frame(at, at + 1));
    const first = sequencer.push(frame(0, 1));
    expect(first.length).toBe(maxHeldChunks + 1);
    expect(sequencer.missing).toBe(true);
    const rest: number[] = [];
    for (let at = sequencer.position; at < maxHeldChunks * 3; at++)
      rest.push(...offsets(sequencer.push(frame(at, at + 1))));
    expect(rest).toHaveLength(maxHeldChunks * 2 - 1);
    expect(sequencer.missing).toBe(false);
  });
});
