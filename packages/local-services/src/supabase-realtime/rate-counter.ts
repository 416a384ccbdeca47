/** How many counts an average is made of. */
const maxBuckets = 12;

/**
 * Realtime's messages per second: the average of the last twelve ticks, looked at once per tick. A burst passes until the next tick.
 * @source https://github.com/supabase/realtime/blob/833cf36/lib/realtime/rate_counter/rate_counter.ex (read 2026-11-29)
 */
export class RateCounter {
  readonly #buckets: number[] = [];
  readonly #timer: ReturnType<typeof setInterval>;
  #count = 0;
  isTriggered = false;

  constructor(perSecond: number, tickMs: number) {
    this.#timer = setInterval(() => {
      this.#buckets.unshift(this.#count);
      this.#buckets.splice(maxBuckets);
      this.#count = 0;
      const sum = this.#buckets.reduce((total, each) => total + each, 0);
      this.isTriggered = sum / this.#buckets.length / (tickMs / 1000) >= perSecond;
    }, tickMs);
  }

  add(): void {
    this.#count += 1;
  }

  close(): void {
    clearInterval(this.#timer);
  }
}
