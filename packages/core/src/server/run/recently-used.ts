import type { Clock } from '../../clock.ts';

/** How long something is kept that nobody uses, in milliseconds. */
const keptForMs = 60_000;

/** Keeps what was used lately, up to a length of all together. What was used longest ago goes first. */
export class RecentlyUsed<T extends { readonly length: number }> {
  readonly #clock: Clock;
  readonly #maxLength: number;
  /** What was used longest ago comes first. */
  readonly #kept = new Map<string, { readonly value: T; readonly usedAtMs: number }>();
  #length = 0;

  constructor(clock: Clock, maxLength: number) {
    this.#clock = clock;
    this.#maxLength = maxLength;
  }

  get(id: string): T | undefined {
    const kept = this.#kept.get(id);
    if (!kept) return;
    this.#kept.delete(id);
    this.#kept.set(id, { ...kept, usedAtMs: this.#clock.now() });
    return kept.value;
  }

  put(id: string, value: T): T {
    const usedAtMs = this.#clock.now();
    this.drop(id);
    this.#kept.set(id, { value, usedAtMs });
    this.#length += value.length;
    for (const [oldest, kept] of this.#kept) {
      if (this.#length <= this.#maxLength && usedAtMs - kept.usedAtMs < keptForMs) break;
      this.drop(oldest);
    }
    return value;
  }

  drop(id: string): void {
    this.#length -= this.#kept.get(id)?.value.length ?? 0;
    this.#kept.delete(id);
  }

  /** Drops everything whose id begins with this. */
  dropAll(prefix: string): void {
    for (const id of this.#kept.keys()) if (id.startsWith(prefix)) this.drop(id);
  }
}
