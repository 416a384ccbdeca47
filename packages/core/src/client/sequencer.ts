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
  #end: EndFrame | undefined;

  /** Whether offsets are known to exist that have not arrived: they must be read from the log, from `position` on. */
  get missing(): boolean {
    return this.position < this.#known;
  }

  /** Why the run ended, once everything in front of the end has been delivered. */
  get ended(): EndReason | undefined {
    return this.#end && this.position >= this.#end.at ? this.#end.end.reason : undefined;
  }

  /** Remembers that offsets below `next` exist, without their chunks. */
  note(next: number): void {
    this.#known = Math.max(this.#known, next);
  }

  /** Takes one frame and returns the chunks that are now in order. */
  push(frame: ChunksFrame | PointerFrame | EndFrame): UIMessageChunk[] {
    if ('end' in frame) {
      this.#end ??= frame;
      this.note(frame.at);
      return [];
    }
    this.note(frame.next);
    // Frame boundaries are the same on every path, so only a snapshot can overlap: it is of no use to a reader that is further on.
    const isNear = frame.at >= this.position && frame.at <= this.position + maxHeldChunks;
    if ('chunks' in frame && isNear) this.#held.set(frame.at, frame);
    const chunks: UIMessageChunk[] = [];
    for (let next = this.#held.get(this.position); next; next = this.#held.get(this.position)) {
      this.position = next.next;
      chunks.push(...next.chunks);
    }
    for (const at of this.#held.keys()) if (at < this.position) this.#held.delete(at);
    return chunks;
  }
}
