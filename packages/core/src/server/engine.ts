import type { RunKey } from '../log/run-log.ts';
import type { LiveAccess } from './http/live-access.ts';
import type { ResolvedOptions } from './options.ts';
import type { StartOutcome } from './run/begin-run.ts';
import type { Continuations } from './run/continuations.ts';
import type { FairTurns } from './run/fair-turns.ts';
import type { Finisher } from './run/finish.ts';
import type { LiveRun } from './run/live-run.ts';
import type { Publisher } from './run/publisher.ts';
import type { RevocationFeed } from './run/revocation-feed.ts';
import type { SendQueue } from './run/send-queue.ts';
import type { SharedCalls } from './run/shared-calls.ts';
import type { WholeRuns } from './run/whole-runs.ts';

/** What the parts of one runtime share. */
export interface Engine {
  readonly options: ResolvedOptions;
  readonly publisher: Publisher;
  readonly finisher: Finisher;
  /** Goes on with runs whose writers have stopped. */
  readonly continuations: Continuations;
  /** The runs whose writers are in this process, by `keyOf`. */
  readonly live: Map<string, LiveRun>;
  /** The sends whose runs have not begun, with `onBusy: 'queue'`. */
  readonly sends: SendQueue<StartOutcome>;
  /** Runs from their start, for all who read them. */
  readonly runs: WholeRuns;
  /** Heavy work takes its turn here. */
  readonly turns: FairTurns;
  /** Reads of one chat's state that arrive together. */
  readonly states: SharedCalls;
  /** Decides which open streams may go on. */
  readonly access: LiveAccess;
  /** What is taken back, in this process and in others. */
  readonly revocations: RevocationFeed;
  /** Aborts when the runtime begins to close: no run starts any more. */
  readonly draining: AbortSignal;
  /** Aborts when the runtime has closed: readers leave. */
  readonly closing: AbortSignal;
  /** Work that outlives a request: kept alive by `waitUntil`. */
  background(work: Promise<unknown>): void;
}

/** A run's key as one string. Neither half can contain the slash. */
export function keyOf({ chatId, runId }: RunKey): string {
  return `${chatId}/${runId}`;
}
