import type { CommandReceipt, RunKey } from './run-log.ts';
import type { RunRow } from './run-row.ts';

/**
 * A synchronous store that `createStoreLog` makes a log of: maps in memory, or SQL. It only keeps what it is given;
 * every decision is the log's. Opaque values (starts, conversations, chunks, steers) are JSON text.
 */
export interface LogStore {
  /** Runs `work` alone among all writers; what it throws undoes what it wrote. */
  write<T>(work: () => T): T;
  /** Runs `work` on one consistent view. */
  read<T>(work: () => T): T;

  /** The turn of the chat's newest run ever; 0 without one. */
  turn(chatId: string): number;
  /** The conversation of the chat's newest run; `undefined` when it is deleted. */
  messages(chatId: string): string | undefined;
  /** Adds a run, which becomes the chat's newest; `messages` replaces the chat's conversation. */
  insertRun(row: RunRow, start: string, messages: string): void;
  /** Replaces the changing fields of a run: `leaseUntil`, `next`, `end`, `cancelIds`. */
  updateRun(row: RunRow): void;
  run(key: RunKey): RunRow | undefined;
  /** The chat's newest runs, newest first. */
  newestRuns(chatId: string, limit: number): readonly RunRow[];
  /** The run's start; `undefined` when it is deleted. */
  start(key: RunKey): string | undefined;

  insertFrame(key: RunKey, frame: StoredFrame): void;
  /** Whole frames from the first with `at >= from`, below `until`, in order: as many as fit `maxLength` UTF-16 units, at least one. */
  frames(key: RunKey, from: number, until: number, maxLength: number): readonly StoredFrame[];
  /** The run's last frame. */
  lastFrame(key: RunKey): StoredFrame | undefined;

  insertSteer(key: RunKey, steer: StoredSteer): void;
  steer(key: RunKey, id: string): StoredSteer | undefined;
  /** The steers without a receipt, oldest first. */
  openSteers(key: RunKey): readonly StoredSteer[];
  settleSteer(key: RunKey, id: string, receipt: CommandReceipt): void;

  /** The cancels that wait in a chat, oldest first. */
  parkedCancels(chatId: string): readonly ParkedCancel[];
  park(chatId: string, cancel: ParkedCancel): void;
  unpark(chatId: string, cancel: ParkedCancel): void;

  currentClaim(chatId: string, name: string): StoredClaim | undefined;
  putClaim(chatId: string, name: string, claim: StoredClaim): void;

  /** Runs that are over at `now`, ended after `endedAfter`, without a claim `finish:<runId>` that lasts beyond `now`; first ended first. */
  unfinished(now: number, endedAfter: number, limit: number): readonly RunRow[];
  /**
   * Deletes, in one chat or in all: the contents of runs that ended at or before `endedBefore` (the row stays, so that readers
   * learn `log-expired`), the rows of those that ended at or before `forgetBefore`, claims and parked cancels that are over.
   */
  prune(cutoffs: PruneCutoffs, chatId?: string): void;
  /** Releases the store. */
  close(): void;
}

/** Until when what is deleted. Milliseconds of the log's clock. */
export interface PruneCutoffs {
  readonly endedBefore: number;
  readonly forgetBefore: number;
  readonly claimsBefore: number;
  readonly parkedBefore: number;
}

export interface StoredFrame {
  readonly at: number;
  readonly next: number;
  /** The chunks as a JSON array. */
  readonly chunks: string;
}

export interface StoredSteer {
  readonly id: string;
  /** The `SteerCommand` as JSON. */
  readonly signal: string;
  readonly receipt: CommandReceipt | undefined;
}

export interface ParkedCancel {
  readonly runId: string;
  readonly id: string;
  readonly at: number;
}

export interface StoredClaim {
  readonly owner: string;
  readonly until: number;
}
