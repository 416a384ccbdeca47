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
        // Any number of deliveries, in any order, some frames as pointers, then everything once more as a log read would bring it.
        noise: fc.array(fc.record({ index: fc.nat(all.length), asPointer: fc.boolean() }), { maxLength: 80 }),
      }),
    );
    fc.assert(
      fc.property(story, ({ all, noise }) => {
        const total = all.at(-1)?.next ?? 0;
        const sequencer = new Sequencer();
        const out: number[] = [];
        for (const { index, asPointer } of noise) {
          const one = all[index];
          out.push(...offsets(sequencer.push(one ? (asPointer ? pointer(one.at, one.next) : one) : end(total))));
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
