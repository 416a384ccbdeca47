import type { Results } from './results.ts';
import type { ContestantName } from './server/contestant.ts';
import { type Summary, summarize } from './statistics.ts';

/** What a number should be. With `to`, the number is the ratio of the two contestants. */
export interface Goal {
  readonly says: string;
  readonly measure: string;
  readonly metric: string;
  readonly of: ContestantName;
  readonly to?: ContestantName;
  readonly atMost?: number;
  readonly atLeast?: number;
}

const toStock = { of: 'immediate', to: 'stock-sse', atMost: 1.1 } as const;
const fasterReload = { of: 'stock-sse', to: 'immediate', atLeast: 50 } as const;
const bytes = { measure: 'bytes', metric: 'sender, per token' } as const;

function isolationGoals(herd: string): Goal[] {
  return (['immediate', 'immediate-sqlite'] as const).flatMap((of) => {
    const goal = (what: string, atMost: number): Goal => {
      return { says: `${of}: ${herd}: ${what}`, measure: 'isolation', metric: `${herd}: ${what}`, of, atMost };
    };
    return [goal('longest stall', 50), goal('slowest state of another chat', 250), goal('runs cut', 0)];
  });
}

function capacityGoals(): Goal[] {
  const goal = (of: ContestantName, to: ContestantName, atLeast: number): Goal => {
    const says = `${of}: runs of 100 tokens/s in one process, against ${to}`;
    return { says, measure: 'capacity', metric: 'runs of 100 tokens/s', of, to, atLeast };
  };
  return [
    goal('sse-memory', 'stock-sse', 0.8),
    goal('sse-sqlite', 'resumable-stream', 1),
    goal('sse-redis', 'resumable-stream', 1),
  ];
}

export const goals: readonly Goal[] = [
  { says: 'immediate: first token, against stock SSE', measure: 'first-token', metric: 'p50', ...toStock },
  { says: 'immediate: latency per chunk p50, against stock SSE', measure: 'latency', metric: 'p50', ...toStock },
  { says: 'immediate: latency per chunk p99, against stock SSE', measure: 'latency', metric: 'p99', ...toStock },
  { says: 'immediate: sender’s bytes per token, against stock SSE', ...bytes, ...toStock, atMost: 1 },
  {
    says: 'immediate: a watching device’s bytes per token (stock SSE: 58)',
    measure: 'bytes',
    metric: 'watching device, per token',
    of: 'immediate',
    atMost: 58,
  },
  { says: 'coalesced: sender’s bytes per token', ...bytes, of: 'coalesced', atMost: 20 },
  {
    says: 'coalesced: bytes per token, published',
    measure: 'bytes',
    metric: 'published, per token',
    of: 'coalesced',
    atMost: 20,
  },
  {
    says: 'coalesced: messages per second, published',
    measure: 'bytes',
    metric: 'published, per second',
    of: 'coalesced',
    atMost: 10,
  },
  {
    says: 'reload, 10,000 deltas: state writes',
    measure: 'reload',
    metric: 'text, writes',
    of: 'immediate',
    atMost: 10,
  },
  {
    says: 'reload, 10,000 deltas: times faster than a full replay',
    measure: 'reload',
    metric: 'text',
    ...fasterReload,
  },
  {
    says: 'reload, 39 KB tool input: state writes',
    measure: 'reload',
    metric: 'tool input, writes',
    of: 'immediate',
    atMost: 10,
  },
  {
    says: 'reload, 39 KB tool input: times faster than a full replay',
    measure: 'reload',
    metric: 'tool input',
    ...fasterReload,
  },
  {
    says: 'fan-out to 1,000: p99, against a bare ws loop',
    measure: 'fan-out',
    metric: 'p99',
    of: 'immediate',
    to: 'bare-websocket',
    atMost: 2,
  },
  ...(['immediate', 'immediate-sqlite'] as const).map((of) => ({
    ...{ says: `${of}: gap of a planned hand-over p99`, measure: 'hand-over', metric: 'gap p99', of, atMost: 1000 },
  })),
  ...capacityGoals(),
  ...(['shared-sqlite', 'shared-redis'] as const).flatMap((of) =>
    ['start', 'chunk', 'end'].map((what) => ({
      ...{ says: `${of}: ${what} at an idle device of another process p99`, measure: 'bus', metric: `${what} p99` },
      ...{ of, atMost: 100 },
    })),
  ),
  ...isolationGoals('1000 readers of an ended run'),
  ...isolationGoals('1000 readers who join a live run'),
  ...isolationGoals('300 reads of a long chat’s state'),
];

const overAbly = { measure: 'ably', of: 'ably' } as const;
/** Of the line that the measure plays on, in milliseconds. */
const roundTripMs = 60;

const ablyGoals: readonly Goal[] = [
  {
    ...{ ...overAbly, metric: 'first token, open page', atMost: 2 * roundTripMs },
    says: 'over Ably: first token on an open page (2 round trips), ms',
  },
  {
    ...{ ...overAbly, metric: 'first token, open page', to: 'ably-ai-transport', atMost: 0.25 },
    says: 'over Ably: first token on an open page, against @ably/ai-transport',
  },
  {
    ...{ ...overAbly, metric: 'second tab, added latency p99', atMost: 100 + 2 * roundTripMs },
    says: 'over Ably: added latency on a second tab p99 (flush interval and 2 round trips), ms',
  },
  {
    ...{ ...overAbly, metric: 'second tab, bytes per token', atMost: 80 },
    says: 'over Ably: bytes per token',
  },
  {
    ...{ ...overAbly, metric: 'stop in another tab', atMost: 1.5 * roundTripMs },
    says: 'over Ably: stop in another tab (1.5 round trips), ms',
  },
  {
    ...{ ...overAbly, metric: 'reload in mid-answer, tokens shown within 2 s', atLeast: 50 },
    says: 'over Ably: tokens that a reload in mid-answer shows',
  },
];

/** A goal and what became of it. */
export interface Verdict {
  readonly goal: Goal;
  readonly measured: Summary;
  readonly met: boolean;
}

/** The goals that something was measured for, by the median of the rounds. */
export function judge(results: Results, all: readonly Goal[] = [...goals, ...ablyGoals]): Verdict[] {
  return all.flatMap((goal) => {
    const { measure, metric, of, to, atMost = Number.POSITIVE_INFINITY, atLeast = Number.NEGATIVE_INFINITY } = goal;
    const rounds = results.of(measure, metric, of)?.rounds;
    const measured = to ? results.ratio(measure, metric, of, to) : rounds && summarize(rounds);
    if (!measured) return [];
    return [{ goal, measured, met: measured.median <= atMost && measured.median >= atLeast }];
  });
}
