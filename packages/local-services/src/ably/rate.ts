/** Counts what happens in a window of one second. */
export class Rate {
  readonly #now: () => number;
  #windowAt = 0;
  #count = 0;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Counts `amount` more, and answers how many there were within this second. */
  add(amount: number): number {
    const now = this.#now();
    if (now - this.#windowAt >= 1000) {
      this.#windowAt = now;
      this.#count = 0;
    }
    this.#count += amount;
    return this.#count;
  }
}
