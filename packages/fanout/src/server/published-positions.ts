import type { Position, RunPosition } from './frame-ids.ts';

/** How long a message may be the newest that was published while the log grows, in milliseconds. After that, publishing has stopped here. */
const recentMs = 1_000;

/**
 * How far this process has published the runs that it writes. The log is ahead of that: a stream that continued at the log's end would not fit what
 * is on its way to the proxy, which would ask again, and again with each message. Where another process writes the run, nothing is known here.
 */
export class PublishedPositions {
  readonly #now: () => number;
  /** By channel, oldest first. */
  readonly #recent = new Map<string, { readonly position: Position; readonly atMs: number }>();

  constructor(now: () => number) {
    this.#now = now;
  }

  /** The proxy has taken everything up to `position`. */
  add(channel: string, position: Position): void {
    this.#recent.delete(channel);
    this.#recent.set(channel, { position, atMs: this.#now() });
    for (const [name, { atMs }] of this.#recent) {
      if (atMs > this.#now() - recentMs) break;
      this.#recent.delete(name);
    }
  }

  /** A message was lost: only the log has it. */
  forget(channel: string): void {
    this.#recent.delete(channel);
  }

  /** Inside a run that is published right now; `undefined` where the log's end is the place to continue. */
  newest(channel: string): RunPosition | undefined {
    const { position, atMs = 0 } = this.#recent.get(channel) ?? {};
    if (position?.run === undefined || position.next === undefined || atMs <= this.#now() - recentMs) return undefined;
    return { turn: position.turn, run: position.run, next: position.next };
  }
}
