import { type Clock, systemClock } from '../../src/clock.ts';

interface Timer {
  readonly at: number;
  readonly callback: () => void;
  real: unknown;
}

/** The platform's clock, which the test can stop and move on, and which knows what waits for it. */
export class TestClock implements Clock {
  readonly #timers = new Map<number, Timer>();
  #count = 0;
  #stoppedAt: number | undefined;

  /** How many timers wait. */
  get waiting(): number {
    return this.#timers.size;
  }

  now(): number {
    return this.#stoppedAt ?? systemClock.now();
  }

  setTimeout(callback: () => void, delayMs: number): number {
    const id = this.#count++;
    // As the platform's timers: a shorter time than a millisecond would be lost in rounding, and come again and again.
    const at = this.now() + (delayMs > 0 ? Math.max(delayMs, 1) : delayMs);
    const timer: Timer = { at, callback, real: undefined };
    this.#timers.set(id, timer);
    // A stopped clock still lets tasks follow each other.
    if (this.#stoppedAt === undefined || delayMs <= 0)
      timer.real = systemClock.setTimeout(() => this.#fire(id), delayMs);
    return id;
  }

  clearTimeout(id: unknown): void {
    systemClock.clearTimeout(this.#timers.get(id as number)?.real);
    this.#timers.delete(id as number);
  }

  /** From here on only `advance` lets time pass. */
  stop(): void {
    this.#stoppedAt = this.now();
    for (const { at, real } of this.#timers.values()) if (at > this.#stoppedAt) systemClock.clearTimeout(real);
  }

  /** Lets time pass from timer to timer. */
  async advance(ms: number): Promise<void> {
    const until = this.now() + ms;
    for (;;) {
      const due = [...this.#timers].filter(([, { at }]) => at <= until).sort(([, one], [, other]) => one.at - other.at);
      const [next] = due;
      if (!next) break;
      this.#stoppedAt = Math.max(this.now(), next[1].at);
      this.#fire(next[0]);
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
    this.#stoppedAt = until;
  }

  #fire(id: number): void {
    const timer = this.#timers.get(id);
    this.clearTimeout(id);
    timer?.callback();
  }
}
