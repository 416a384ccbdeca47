import type { PublishLimits } from '../../provider/realtime-server.ts';
import { type ChannelMessage, channelMessage, joinPointers } from '../../wire/channel-message.ts';
import { isDelta } from '../../wire/delta.ts';
import type { Frame } from '../../wire/frame.ts';
import { pointerFrame } from '../../wire/frame-codec.ts';

/** How much of one chat waits for a service, in characters of JSON. With more, pointers wait in the place of chunks. */
export const maxWaitingLength: number = 256 * 1024;
/** How many frames of one chat wait for a service. With more, pointers wait in the place of chunks, and then the oldest are dropped. */
export const maxWaitingFrames = 256;

type QueueLimits = Pick<PublishLimits, 'maxMessageBytes' | 'flushIntervalMs'>;

/** A frame that waits. */
export interface WaitingFrame {
  readonly frame: Frame;
  /** Its place among the chat's frames. */
  readonly order: number;
  readonly length: number;
  readonly sinceMs: number;
}

/** A message that leaves, and the frames to put back if the service refuses it. */
export interface QueuedMessage extends Omit<ChannelMessage, 'count'> {
  readonly frames: readonly WaitingFrame[];
}

/**
 * The frames of one chat that wait for a service. What waits leaves in as few messages as fit. The first delta of a run is due at once,
 * later ones when the last ones are `flushIntervalMs` old; what is no delta is due at once. Pure: the caller owns the clock.
 */
export class PublishQueue {
  readonly #limits: QueueLimits;
  readonly #total: { length: number };
  #waiting: WaitingFrame[] = [];
  #length = 0;
  #order = 0;
  #flushed: { readonly run: string; readonly atMs: number } | undefined;

  /** @param total Counts what waits in all queues, in characters of JSON. */
  constructor(limits: QueueLimits, total: { length: number } = { length: 0 }) {
    this.#limits = limits;
    this.#total = total;
  }

  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  /** When the oldest waiting frame came; `Infinity` when nothing waits. */
  get oldestMs(): number {
    return this.#waiting[0]?.sinceMs ?? Number.POSITIVE_INFINITY;
  }

  /** Until when this queue is kept, waiting or not: it knows when the last deltas left. */
  get keptUntilMs(): number {
    return this.#flushed ? this.#flushed.atMs + this.#limits.flushIntervalMs : 0;
  }

  /** Adds a frame. Answers `dropped` when frames were given up, `condensed` when chunks became pointers. */
  push(frame: Frame, nowMs: number): 'kept' | 'condensed' | 'dropped' {
    this.#set([
      ...this.#waiting,
      { frame, order: this.#order++, length: JSON.stringify(frame).length, sinceMs: nowMs },
    ]);
    if (this.#length <= maxWaitingLength && this.#waiting.length <= maxWaitingFrames) return 'kept';
    this.condense();
    if (this.#waiting.length <= maxWaitingFrames) return 'condensed';
    this.#set(this.#waiting.slice(-maxWaitingFrames));
    return 'dropped';
  }

  /** Puts frames back that a service has refused. */
  putBack(frames: readonly WaitingFrame[]): void {
    this.#set([...frames, ...this.#waiting].sort((one, other) => one.order - other.order));
  }

  /** Replaces the chunks that wait by pointers. */
  condense(): void {
    const pointers = this.#waiting.map(({ frame }) => ('chunks' in frame ? pointerFrame(frame) : frame));
    const { sinceMs, order } = this.#waiting[0] ?? { sinceMs: 0, order: 0 };
    this.#set(
      joinPointers(pointers).map((frame, index) => ({
        frame,
        order: order + index,
        length: JSON.stringify(frame).length,
        sinceMs,
      })),
    );
  }

  /** Gives up everything that waits. */
  clear(): void {
    this.#set([]);
  }

  /** When the next message is due: 0 at once, `Infinity` when nothing waits, else a time on the clock of `push`. */
  dueAt(): number {
    const first = this.#waiting[0];
    if (!first) return Number.POSITIVE_INFINITY;
    const { flushIntervalMs, maxMessageBytes } = this.#limits;
    if (this.#length > maxMessageBytes || this.#flushed?.run !== first.frame.run) return 0;
    if (this.#waiting.some(({ frame }) => !isOnlyDeltas(frame))) return 0;
    return this.#flushed.atMs + flushIntervalMs;
  }

  /** Removes the next message; `undefined` when nothing waits. */
  take(nowMs: number): QueuedMessage | undefined {
    const [first, ...others] = this.#waiting.map(({ frame }) => frame);
    if (!first) return;
    const { id, data, count } = channelMessage([first, ...others], this.#limits.maxMessageBytes);
    const frames = this.#waiting.slice(0, count);
    if (frames.some(({ frame }) => hasDelta(frame))) this.#flushed = { run: first.run, atMs: nowMs };
    this.#set(this.#waiting.slice(count));
    return { id, data, frames };
  }

  #set(waiting: WaitingFrame[]): void {
    const length = waiting.reduce((sum, frame) => sum + frame.length, 0);
    this.#total.length += length - this.#length;
    this.#waiting = waiting;
    this.#length = length;
  }
}

function isOnlyDeltas(frame: Frame): boolean {
  return 'chunks' in frame && frame.chunks.every(isDelta);
}

function hasDelta(frame: Frame): boolean {
  return 'chunks' in frame && frame.chunks.some(isDelta);
}
