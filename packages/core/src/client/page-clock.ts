import type { Clock } from '../clock.ts';

/**
 * Time as a page lived it: it never steps back, and time during which the page was suspended does not count. A step of the platform's clock
 * counts for at most `maxStepMs`, so whoever waits on this clock must look at it more often than that.
 */
export function createPageClock(clock: Clock, maxStepMs: number): () => number {
  let last = clock.now();
  let pageTime = 0;
  return () => {
    const now = clock.now();
    pageTime += Math.min(Math.max(now - last, 0), maxStepMs);
    last = now;
    return pageTime;
  };
}
