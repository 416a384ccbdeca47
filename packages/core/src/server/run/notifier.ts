import type { Clock } from '../../clock.ts';

/** Wakes all waiters, and leaves nothing behind. */
export class Notifier {
  readonly #wakeUps = new Set<() => void>();
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Wakes all that wait now. */
  notify(): void {
    if (this.#wakeUps.size > 0) for (const wakeUp of [...this.#wakeUps]) wakeUp();
  }

  /** Resolves at the next `notify`, after `ms`, or when `signal` aborts; never rejects. */
  wait({ ms, signal }: { readonly ms?: number; readonly signal?: AbortSignal } = {}): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const wakeUp = () => {
        this.#wakeUps.delete(wakeUp);
        if (timer !== undefined) this.#clock.clearTimeout(timer);
        signal?.removeEventListener('abort', wakeUp);
        resolve();
      };
      const timer = ms === undefined ? undefined : this.#clock.setTimeout(wakeUp, ms);
      this.#wakeUps.add(wakeUp);
      signal?.addEventListener('abort', wakeUp);
    });
  }
}

/** Resolves when `promise` is settled or after `ms`, whichever is first, with whether it was settled. Never rejects. */
export function settledWithin(clock: Clock, ms: number, promise: Promise<unknown>): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = clock.setTimeout(() => resolve(false), ms);
    const done = () => {
      clock.clearTimeout(timer);
      resolve(true);
    };
    promise.then(done, done);
  });
}
