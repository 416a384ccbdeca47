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

  /** Resolves at the next `notify`, after `ms`, or when `signal` aborts; never rejects. `cancel` is given a function that ends the wait sooner. */
  wait({ ms, signal, cancel }: WaitOptions = {}): Promise<void> {
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
      cancel?.(wakeUp);
    });
  }
}

interface WaitOptions {
  readonly ms?: number;
  readonly signal?: AbortSignal;
  readonly cancel?: (wake: () => void) => void;
}

/** Waits again and again, with one listener for the signal however often: readers wait for each frame. */
export class RepeatedWait {
  readonly #signal: AbortSignal;
  #wake = (): void => {};
  readonly #onAbort = (): void => this.#wake();

  constructor(signal: AbortSignal) {
    this.#signal = signal;
    signal.addEventListener('abort', this.#onAbort);
  }

  /** Resolves as `Notifier.wait`. */
  for(notifier: Notifier, ms?: number): Promise<void> {
    if (this.#signal.aborted) return Promise.resolve();
    return notifier.wait({ ...(ms !== undefined && { ms }), cancel: (wake) => (this.#wake = wake) });
  }

  /** Takes the listener away. */
  stop(): void {
    this.#signal.removeEventListener('abort', this.#onAbort);
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
