import { backoffMs } from '../../clock.ts';

/** How much of a second's messages may leave at once after a pause, in milliseconds: a run's start, its first words and its end do not wait. */
const burstMs = 250;

/**
 * When the next message may leave for a service: at its rate, and not while it refuses. After a refusal everything waits; then one
 * message goes ahead, and the others follow once the service has taken it. Pure: the caller owns the clock.
 */
export class PublishGate {
  readonly #intervalMs: number;
  /** How far `#nextAt` may lie ahead: with the message that leaves, a burst is what `burstMs` carries. */
  readonly #aheadMs: number;
  #nextAt = 0;
  #pausedUntil = 0;
  #refusals = 0;
  #isProbing = false;

  constructor(publishesPerSecond: number | undefined) {
    this.#intervalMs = publishesPerSecond ? 1000 / publishesPerSecond : 0;
    this.#aheadMs = Math.max(0, burstMs - this.#intervalMs);
  }

  /** How long the next message waits, in milliseconds. `Infinity` until the message that went ahead is settled. */
  waitMs(nowMs: number): number {
    if (this.#isProbing) return Number.POSITIVE_INFINITY;
    return Math.max(0, this.#nextAt - this.#aheadMs - nowMs, this.#pausedUntil - nowMs);
  }

  /** A message leaves. Hand what it answers to `settle`. */
  pass(nowMs: number): { readonly isProbe: boolean } {
    this.#nextAt = Math.max(this.#nextAt, nowMs) + this.#intervalMs;
    this.#isProbing = this.#refusals > 0;
    return { isProbe: this.#isProbing };
  }

  /** What became of a message: `failed` says nothing about the service's rate. */
  settle({ isProbe }: { readonly isProbe: boolean }, outcome: 'taken' | 'refused' | 'failed', nowMs: number): void {
    if (isProbe) this.#isProbing = false;
    if (outcome === 'taken' && isProbe) this.#refusals = 0;
    // Messages that were under way together are refused together: that is one refusal.
    if (outcome === 'refused' && (isProbe || this.#pausedUntil <= nowMs)) {
      this.#pausedUntil = nowMs + backoffMs(this.#refusals++);
    }
  }
}
