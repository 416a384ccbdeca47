import type { Clock } from '../../clock.ts';

/** What a writer knows about its claim on a run without asking the log. */
export class Lease {
  readonly #clock: Clock;
  readonly #leaseMs: number;
  #confirmedAt: number;

  constructor(clock: Clock, leaseMs: number) {
    this.#clock = clock;
    this.#leaseMs = leaseMs;
    this.#confirmedAt = clock.now();
  }

  /** The log has just extended the claim. */
  confirm(): void {
    this.#confirmedAt = this.#clock.now();
  }

  /** Whether the claim has run out: the log has extended it last more than a whole lease ago. */
  get hasLapsed(): boolean {
    return this.#clock.now() - this.#confirmedAt > this.#leaseMs;
  }
}
