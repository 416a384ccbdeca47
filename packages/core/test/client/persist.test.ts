import { expect, it, onTestFinished, vi } from 'vitest';
import { noAnswer, persist } from '../../src/client/persist.ts';
import { defaultTimings } from '../../src/client/timings.ts';
import { systemClock } from '../../src/clock.ts';

it('an attempt has more time only where the time of one before was up, not where it failed by itself', async () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const waitedMs: number[] = [];
  let attempts = 0;
  const request = (attempt: AbortController): Promise<string> => {
    attempts++;
    if (attempts <= 5) return Promise.reject(noAnswer());
    // A gateway's own patience, behind a pause of some seconds.
    if (attempts === 6) return new Promise((_, reject) => setTimeout(() => reject(noAnswer()), 15_000));
    if (attempts > 8) return Promise.resolve('an answer');
    const startedAt = Date.now();
    return new Promise((_, reject) => {
      attempt.signal.addEventListener('abort', () => {
        waitedMs.push(Date.now() - startedAt);
        reject(attempt.signal.reason);
      });
    });
  };
  const context = { clock: systemClock, timings: defaultTimings, emit: () => {}, failed: () => {} };
  const answer = persist(context, new AbortController().signal, request);
  await vi.advanceTimersByTimeAsync(defaultTimings.giveUpAfterMs);
  expect(await answer).toBe('an answer');
  expect(waitedMs).toEqual([defaultTimings.sendMs, 2 * defaultTimings.sendMs]);
});

it('a request that waits after a failure is sent again as soon as the browser is online', async () => {
  const page = new EventTarget();
  vi.stubGlobal('addEventListener', page.addEventListener.bind(page));
  onTestFinished(() => void vi.unstubAllGlobals());
  let attempts = 0;
  const request = (): Promise<string> => (++attempts === 1 ? Promise.reject(noAnswer()) : Promise.resolve('an answer'));
  // No timer fires: only the event can end the wait.
  const clock = { ...systemClock, setTimeout: () => 0, clearTimeout: () => {} };
  const failed = vi.fn();
  const context = { clock, timings: defaultTimings, emit: () => {}, failed };
  const answer = persist(context, new AbortController().signal, request);
  await vi.waitFor(() => expect(failed).toHaveBeenCalledOnce());
  page.dispatchEvent(new Event('online'));
  expect(await answer).toBe('an answer');
});
