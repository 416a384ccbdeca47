import type { UIMessageChunk } from 'ai';
import type { ChunksFrame, EndFrame, EndReason, PointerFrame } from '../wire/frame.ts';

/** How many chunks a sequencer holds ahead of its position. Above it, frames are forgotten and read from the log again. */
export const maxHeldChunks = 4096;

/**
 * Puts one run's frames in order: any number of paths in, in any order and any number of times; each offset out exactly once.
 * Pure: no clock, no I/O. Memory is bounded by `maxHeldChunks`. PROTOCOL.md section 5.
 */
export class Sequencer {
  /** The next offset to deliver. */
  position: number;
  readonly #held = new Map<number, ChunksFrame>();
  #heldChunks = 0;
  #known: number;
  #end: EndFrame | undefined;

  constructor(position = 0) {
    this.position = position;
    this.#known = position;
  }

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
    if ('chunks' in frame && frame.at >= this.position) this.#hold(frame);
    const chunks: UIMessageChunk[] = [];
    for (let next = this.#held.get(this.position); next; next = this.#held.get(this.position)) {
      this.position = next.next;
      chunks.push(...next.chunks);
    }
    for (const [at, held] of this.#held) {
      if (at >= this.position) continue;
      this.#held.delete(at);
      this.#heldChunks -= held.chunks.length;
    }
    return chunks;
  }

  #hold(frame: ChunksFrame): void {
    const { at, chunks, snapshot } = frame;
    const isAhead = at > this.position;
    if (this.#held.has(at) || (isAhead && (snapshot || this.#heldChunks + chunks.length > maxHeldChunks))) return;
    this.#held.set(at, frame);
    this.#heldChunks += chunks.length;
  }
}
