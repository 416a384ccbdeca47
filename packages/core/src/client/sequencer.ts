import type { UIMessageChunk } from 'ai';
import type { ChunksFrame, EndFrame, EndReason, PointerFrame } from '../wire/frame.ts';

/** How far ahead of its position a sequencer holds frames, in offsets. What is further on is forgotten and read from the log again. */
export const maxHeldChunks = 4096;

/**
 * Puts one run's frames in order: any number of paths in, in any order and any number of times; each offset out exactly once.
 * Pure: no clock, no I/O. Memory is bounded by `maxHeldChunks`. PROTOCOL.md section 5.
 */
export class Sequencer {
  /** The next offset to deliver. */
  position = 0;
  readonly #held = new Map<number, ChunksFrame>();
  #known = 0;
  #forgotten = 0;
  #end: EndFrame | undefined;

  /** Whether offsets are known to exist that have not arrived: they must be read from the log, from `position` on. */
  get missing(): boolean {
    return this.position < this.#known;
  }

  /** Whether chunks are needed that came and were not kept: what brought them does not bring them again. */
  get forgot(): boolean {
    return this.position < this.#forgotten;
  }

  /** Why the run ended, once everything in front of the end has been delivered. */
  get ended(): EndReason | undefined {
    return this.#end && this.position >= this.#end.at ? this.#end.end.reason : undefined;
  }

  /** Remembers that offsets below `next` exist, without their chunks. */
  note(next: number): void {
    this.#known = Math.max(this.#known, next);
  }

  /** Remembers that chunks up to `next` came and were not kept. */
  forget(next: number): void {
    this.note(next);
    this.#forgotten = Math.max(this.#forgotten, next);
  }

  /** Takes one frame and returns the chunks that are now in order. */
  push(frame: ChunksFrame | PointerFrame | EndFrame): UIMessageChunk[] {
    if ('end' in frame) {
      this.#end ??= frame;
      this.note(frame.at);
      return [];
    }
    this.note(frame.next);
    if ('chunks' in frame) this.#hold(frame);
    const chunks: UIMessageChunk[] = [];
    for (let next = this.#fitting(); next; next = this.#fitting()) {
      chunks.push(...next.chunks.slice(this.position - next.at));
      this.position = next.next;
    }
    for (const [at, { next }] of this.#held) if (next <= this.position) this.#held.delete(at);
    return chunks;
  }

  #hold(frame: ChunksFrame): void {
    const { at, next } = frame;
    // What begins at 0 may be a snapshot, whose chunks have no offsets: it is of no use to a reader that is further on.
    const isSnapshot = at === 0 && this.position > 0;
    if (next <= this.position) return;
    if (isSnapshot || at > this.position + maxHeldChunks) return this.forget(next);
    // A message of a channel may cover several frames of the log.
    if (next > (this.#held.get(at)?.next ?? 0)) this.#held.set(at, frame);
  }

  /** A held frame that has the next offset. */
  #fitting(): ChunksFrame | undefined {
    const exact = this.#held.get(this.position);
    if (exact) return exact;
    for (const frame of this.#held.values()) if (frame.at < this.position && frame.next > this.position) return frame;
    return;
  }
}
