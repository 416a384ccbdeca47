import { describe, expect, it } from 'vitest';
import { createPageClock } from '../../src/client/page-clock.ts';
import { type Health, type Need, type Plan, plan, type RunNeed } from '../../src/client/path-plan.ts';
import { defaultTimings } from '../../src/client/timings.ts';

const now = 1_000_000;
const run = (over: Partial<RunNeed> = {}): RunNeed => ({
  runId: 'r',
  hasBegun: true,
  isFed: false,
  isMissing: false,
  isUnheard: false,
  newsAt: now,
  reads: 0,
  stuckSince: undefined,
  ...over,
});
const idle: Need = { runs: [], isWatched: true, isInformed: true, usedAt: now };
const reading: Need = { ...idle, runs: [run()] };
const healthy: Health = { isRefused: false, realtime: { kind: 'live' }, path: null, failures: 0, network: 'up' };

interface Row {
  readonly title: string;
  readonly need?: Partial<Need>;
  readonly health?: Partial<Health>;
  readonly is: Partial<Plan>;
}

const table: readonly Row[] = [
  {
    title: 'an idle chat over realtime asks for nothing',
    is: { follows: false, reads: false, path: 'realtime', state: 'connected', nextDeadline: Number.POSITIVE_INFINITY },
  },
  {
    title: 'a chat whose service is being joined waits a moment before HTTP',
    health: { realtime: { kind: 'joining', until: now + 500 } },
    is: { follows: false, state: 'connecting', nextDeadline: now + 500 },
  },
  {
    title: 'a chat whose service does not come is followed over HTTP',
    health: { realtime: { kind: 'joining', until: now } },
    is: { follows: true },
  },
  {
    title: 'a chat without a service is followed over HTTP',
    health: { realtime: { kind: 'none' }, path: 'sse' },
    is: { follows: true, path: 'sse', state: 'connected' },
  },
  {
    title: 'a service that fell behind is not trusted: other devices are followed over HTTP',
    health: { realtime: { kind: 'behind' }, path: 'sse' },
    is: { isSubscribed: true, follows: true, path: 'sse' },
  },
  {
    title: 'a run that is silent on realtime for a second is looked for in the log',
    need: { runs: [run({ newsAt: now - defaultTimings.quietMs })] },
    is: { reads: true },
  },
  {
    title: 'a run that has not got on is looked for less and less often',
    need: { runs: [run({ reads: 2, newsAt: now - 3 * defaultTimings.quietMs })] },
    is: { reads: false, nextDeadline: now + defaultTimings.quietMs },
  },
  {
    title: 'a run that is silent for long is looked for as often as a dead server needs it',
    need: { runs: [run({ reads: 9, newsAt: now })] },
    is: { reads: false, nextDeadline: now + defaultTimings.silenceMs },
  },
  {
    title: 'a run that thinks for minutes is looked for less often, and twice while another writer may take it over',
    need: { runs: [run({ reads: 10, newsAt: now })] },
    is: { reads: false, nextDeadline: now + 3 * defaultTimings.silenceMs },
  },
  {
    title: 'offline is shown at once, though the socket says nothing',
    health: { network: 'down' },
    is: { state: 'offline', path: null },
  },
  {
    title: 'a chat that the server refuses asks for nothing',
    health: { isRefused: true },
    is: { isSubscribed: false, follows: false, reads: false },
  },
  {
    title: 'a response of its own is a path',
    need: { runs: [run({ isFed: true })] },
    health: { realtime: { kind: 'none' } },
    is: { path: 'response', state: 'connected' },
  },
  {
    title: 'missing words are read after a moment',
    need: { runs: [run({ isMissing: true, newsAt: now - 150 })] },
    is: { reads: true },
  },
  {
    title: 'missing words are asked for later and later',
    need: { runs: [run({ isMissing: true, newsAt: now - 150, reads: 3 })] },
    is: { reads: false, nextDeadline: now - 150 + 1200 },
  },
  {
    title: 'a silent answer is questioned, because a dead server sends no end',
    need: { runs: [run({ newsAt: now - 10_000 })] },
    is: { reads: true },
  },
  {
    title: 'an answer without any path is given up after two minutes',
    need: { runs: [run({ stuckSince: now - 120_000 })] },
    health: { realtime: { kind: 'none' } },
    is: { givesUp: ['r'] },
  },
  {
    title: 'an answer that has a path is not given up',
    need: { runs: [run({ stuckSince: now - 120_000 })] },
    is: { givesUp: [], stuck: [] },
  },
  {
    title: 'a chat that nobody uses is left after a while',
    need: { ...idle, isWatched: false, usedAt: now - 30_000 },
    is: { isSubscribed: false, state: 'idle' },
  },
  {
    title: 'a chat that nobody uses is kept for a moment',
    need: { ...idle, isWatched: false, isInformed: false, usedAt: now - 10_000 },
    is: { isSubscribed: true, nextDeadline: now + 20_000 },
  },
];

describe('the plan of the paths', () => {
  it.each(table)('$title', ({ need, health, is }) => {
    expect(plan({ ...idle, ...need }, { ...healthy, ...health }, now, defaultTimings)).toMatchObject(is);
  });

  it('needs no look while nothing can change but by an event', () => {
    expect(plan(reading, healthy, now, defaultTimings).nextDeadline).toBe(now + defaultTimings.quietMs);
  });
});

describe('page time', () => {
  it('does not count a night in which the laptop slept, nor a clock that was set back', () => {
    let wall = 5_000;
    const pageTime = createPageClock({ now: () => wall, setTimeout: () => 0, clearTimeout: () => {} }, 1000);
    wall += 600;
    expect(pageTime()).toBe(600);
    wall += 8 * 3_600_000;
    expect(pageTime()).toBe(1600);
    wall -= 2 * 3_600_000;
    expect(pageTime()).toBe(1600);
    wall += 10;
    expect(pageTime()).toBe(1610);
  });
});
