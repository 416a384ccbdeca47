import type { RunLog } from '@chat-transport/core/provider';

/** What a log can be asked to show in a test. The suite skips by this and by nothing else. */
export interface LogSupports {
  /** The harness can move the log's clock (`advance`). */
  readonly clock: boolean;
  /** Another handle, as another process would have it, can open the same store (`second`). */
  readonly shared: boolean;
  /** What was acknowledged is there after the store was closed and opened again (`reopen`). */
  readonly durable: boolean;
}

/** One fresh log for one case. */
export interface LogHarness {
  readonly log: RunLog;
  /** The retention that the log was made with, in milliseconds. */
  readonly retentionMs: number;
  /** Moves the log's clock forward. Needed where `clock` is supported. */
  advance?(ms: number): Promise<void>;
  /** Opens another handle on the same store. Needed where `shared` is supported. */
  second?(): Promise<RunLog>;
  /** Closes `log` and opens its store again. Needed where `durable` is supported. */
  reopen?(): Promise<RunLog>;
  /** Closes and deletes everything; called after each case, failed ones included. */
  dispose(): Promise<void>;
}

/** One thing that every log must do. */
export interface LogCase {
  /** Stable, for reports. */
  readonly id: string;
  /** What a user or caller would notice. */
  readonly title: string;
  /** Runs only where the log supports these. */
  readonly requires?: readonly (keyof LogSupports)[];
  /** Runs only where the log does not support these. */
  readonly lacks?: readonly (keyof LogSupports)[];
  run(harness: LogHarness): Promise<void>;
}

/** Whether a log with this manifest has to pass the case. */
export function isApplicableLogCase({ requires = [], lacks = [] }: LogCase, supports: LogSupports): boolean {
  return requires.every((need) => supports[need]) && !lacks.some((lack) => supports[lack]);
}
