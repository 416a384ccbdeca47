import type { Timings } from './timings.ts';

/** What one run that is read on this device waits for. Times are page time. */
export interface RunNeed {
  readonly runId: string;
  /** Whether the server is known to have begun the run. */
  readonly hasBegun: boolean;
  /** Whether a response of its own brings the run. */
  readonly isFed: boolean;
  /** Whether offsets are known to exist that only a read of the log brings, and that the reader has room for. */
  readonly isMissing: boolean;
  /** Whether this device sent the run, and realtime has brought nothing since. */
  readonly isUnheard: boolean;
  /** When the run got on, or the log was read. */
  readonly newsAt: number;
  /** How often the log was read since then without a result. */
  readonly reads: number;
  /** Since when the run has had no path, or has waited for missing offsets. */
  readonly stuckSince: number | undefined;
}

/** What the chat's readers need. */
export interface Need {
  readonly runs: readonly RunNeed[];
  /** Whether watchers wait for turns. */
  readonly isWatched: boolean;
  /** Whether the watchers know the chat's state, so that turns behind it can be followed. */
  readonly isInformed: boolean;
  /** When somebody used the chat last; nothing while it is disconnected. */
  readonly usedAt: number | undefined;
}

/** How the paths are. */
export interface Health {
  readonly isRefused: boolean;
  /**
   * `joining`: the subscription is not live yet, and HTTP waits until `until`. `behind`: a read brought what realtime did not; it is trusted
   * again as soon as it brings something.
   */
  readonly realtime:
    | { readonly kind: 'none' | 'live' | 'behind' | 'down' }
    | { readonly kind: 'joining'; readonly until: number };
  /** The HTTP path that brings frames. */
  readonly path: 'sse' | 'poll' | null;
  /** Failed requests in a row. */
  readonly failures: number;
  /** `down`: the browser, or an attempt, says that the network is away, and nothing has come since. */
  readonly network: 'up' | 'down';
}

/** What follows from both. */
export interface Plan {
  /** Keep, or make, the subscription. */
  readonly isSubscribed: boolean;
  /** Follow the chat over HTTP. */
  readonly follows: boolean;
  /** Read once what has not come. */
  readonly reads: boolean;
  /** The runs that have been without a path for too long. */
  readonly givesUp: readonly string[];
  /** The runs that wait without a path, or for missing offsets. */
  readonly stuck: readonly string[];
  readonly state: 'idle' | 'connecting' | 'connected' | 'offline';
  readonly path: 'realtime' | 'response' | 'sse' | 'poll' | null;
  /** When to plan again, in page time; `Infinity` when only an event can change the plan. */
  readonly nextDeadline: number;
}

/** Which way to read a chat now. Pure: `now` is page time. */
export function plan(need: Need, health: Health, now: number, timings: Timings): Plan {
  const { runs, isWatched, isInformed, usedAt } = need;
  const { realtime, failures, network } = health;
  const isLive = realtime.kind === 'live';
  const isUsed = isWatched || runs.length > 0;
  const deadlines: number[] = [];
  /** Whether a deadline has passed; one that has not is waited for. */
  const isDue = (deadline: number): boolean => {
    if (now < deadline) deadlines.push(deadline);
    return now >= deadline;
  };
  const isConnected = usedAt !== undefined && !health.isRefused && (isUsed || !isDue(usedAt + timings.lingerMs));
  if (!isConnected) {
    const nothing = { isSubscribed: false, follows: false, reads: false, givesUp: [], stuck: [] };
    return { ...nothing, state: 'idle', path: null, nextDeadline: Number.POSITIVE_INFINITY };
  }
  const needsHttp = !isLive && (isInformed || runs.some(({ hasBegun, isFed }) => hasBegun && !isFed));
  const follows = needsHttp && (realtime.kind !== 'joining' || isDue(realtime.until));

  const stuck = runs.filter((run) => isStuck(run, health, now, timings));
  const givesUp = stuck.filter(({ stuckSince = now }) => isDue(stuckSince + timings.giveUpAfterMs));
  // Silence proves nothing: a dead server sends no end, and a service may lose messages.
  const asks = runs.filter(({ isFed, isMissing, hasBegun }) => isMissing || (!isFed && isLive && hasBegun));
  const reads = asks.filter((run) => isDue(run.newsAt + patienceMs(run, timings))).length > 0;
  // Realtime that is silent while the log cannot be read stops being a path without an event of its own.
  if (failures > 0) for (const { newsAt, hasBegun } of runs) if (hasBegun) isDue(newsAt + timings.silenceMs);

  const isResponding = runs.some(({ isFed }) => isFed);
  const path = network === 'down' ? null : isLive ? 'realtime' : isResponding ? 'response' : health.path;
  const isOffline = network === 'down' || failures > 0;
  const state = path ? 'connected' : !isUsed ? 'idle' : isOffline ? 'offline' : 'connecting';
  return {
    isSubscribed: true,
    follows,
    reads,
    givesUp: givesUp.map(({ runId }) => runId),
    stuck: stuck.map(({ runId }) => runId),
    state,
    path,
    nextDeadline: Math.min(...deadlines),
  };
}

/** Whether nothing can bring a run on: no path is alive, or what is missing has not come. */
function isStuck(run: RunNeed, { realtime, failures, path }: Health, now: number, { silenceMs }: Timings): boolean {
  if (run.isMissing) return true;
  const isHeard = realtime.kind === 'live' && (failures === 0 || now < run.newsAt + silenceMs);
  return run.hasBegun && !run.isFed && !path && !isHeard;
}

/**
 * Behind how many reads without a result a run counts as one that thinks for minutes: the log is asked less often then. A run without a writer
 * is still asked for twice while another writer may take it over.
 */
const readsOfThinking = 10;

/** How long a run waits before the log is read: longer after each read that did not help. */
function patienceMs({ isMissing, isUnheard, reads }: RunNeed, { gapMs, quietMs, silenceMs }: Timings): number {
  const factor = 2 ** Math.min(reads, 6);
  if (isMissing || isUnheard) return gapMs * factor;
  return reads < readsOfThinking ? Math.min(quietMs * factor, silenceMs) : 3 * silenceMs;
}
