/** Time as core sees it. Injectable, so that tests and simulations need no wall clock. */
export interface Clock {
  /** Milliseconds; only differences matter. It should be monotonic: a step back restarts the waits that are under way. */
  now(): number;
  setTimeout(callback: () => void, delayMs: number): unknown;
  clearTimeout(timer: unknown): void;
  /** Calls back in the next turn of the event loop. @default the platform's `setImmediate`, or a timeout of 0 ms */
  setImmediate?: ((callback: () => void) => void) | undefined;
}

/** The platform's monotonic clock: setting the machine's time moves it neither forward nor back. */
export const systemClock: Clock = {
  now: () => performance.now(),
  setTimeout: (callback, delayMs) => setTimeout(callback, delayMs),
  clearTimeout: (timer) => clearTimeout(timer as ReturnType<typeof setTimeout>),
};

/** Resolves after `delayMs`, or as soon as `signal` aborts. */
export function sleep(clock: Clock, delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = () => {
      clock.clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = clock.setTimeout(done, delayMs);
    signal.addEventListener('abort', done);
  });
}

/** The first wait after a failure, in milliseconds. */
export const firstBackoffMs = 250;
/** The longest wait after a failure, in milliseconds. */
export const maxBackoffMs = 8000;

/**
 * How long to wait after `failures` earlier failures in a row, in milliseconds: exponential, with jitter on the upper half, so that many clients do
 * not come back at once. Never zero, so that no failure makes a hot loop.
 */
export function backoffMs(failures: number, firstMs: number = firstBackoffMs, maxMs: number = maxBackoffMs): number {
  return Math.min(maxMs, firstMs * 2 ** failures) * (0.5 + Math.random() / 2);
}
