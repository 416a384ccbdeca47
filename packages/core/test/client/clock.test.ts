import { expect, it, onTestFinished, vi } from 'vitest';
import { persist } from '../../src/client/persist.ts';
import { defaultTimings } from '../../src/client/timings.ts';
import { type Clock, systemClock } from '../../src/clock.ts';
import { ChatTransportError } from '../../src/errors.ts';

const hoursMs = 2 * 3_600_000;

it('setting the machine’s time back or forward does not move the transport’s clock', () => {
  const before = systemClock.now();
  const now = vi.spyOn(Date, 'now').mockReturnValue(Date.now() - hoursMs);
  onTestFinished(() => now.mockRestore());
  const between = systemClock.now();
  now.mockReturnValue(Date.now() + 2 * hoursMs);
  const after = systemClock.now();
  expect(between).toBeGreaterThanOrEqual(before);
  expect(after - before).toBeLessThan(hoursMs / 2);
});

it('a clock that steps back by two hours makes no request wait or repeat for two hours more', async () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  let aheadMs = 0;
  const clock: Clock = { ...systemClock, now: () => performance.now() + aheadMs };
  const context = { clock, timings: defaultTimings, emit: () => {}, failed: () => {} };
  let attempts = 0;
  let error: unknown;
  const unreachable = new ChatTransportError({ code: 'network', message: 'No network.' });
  persist(context, new AbortController().signal, () => {
    if (attempts++ === 1) aheadMs = -hoursMs;
    return Promise.reject(unreachable);
  }).catch((reason) => {
    error = reason;
  });
  await vi.advanceTimersByTimeAsync(2 * defaultTimings.giveUpAfterMs);
  expect(error).toBe(unreachable);
});
