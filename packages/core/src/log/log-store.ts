import type { CommandReceipt, RunKey } from './run-log.ts';
import type { RunEnd, RunRow } from './run-row.ts';

/** What a store may answer at once (memory, SQLite, a Durable Object) or later (Redis, Postgres). */
export type Awaitable<T> = T | PromiseLike<T>;

/**
 * A store that `createStoreLog` makes a log of. Facts go in and changes come out: every rule is core's, as a pure function, and the store
 * keeps what it is given. Opaque values (starts, messages, chunks, commands, snapshots) are JSON text and come back unchanged.
 * A method that rejects has written nothing, or its caller cannot know: every call of the log may be repeated.
 */
export interface LogStore {
  /** One consistent view of what `need` names, with the store's clock. */
  facts(chatId: string, need: Need): Awaitable<Facts>;

  /**
   * Reads, lets `decide` decide, and writes, as if alone among all who `transact` on this chat. What `decide` throws is thrown, and nothing is
   * written. `decide` is pure and synchronous: a store may call it inside its transaction, or (with `optimistic`) read, decide, write if the
   * chat has not changed, and otherwise start again. `append` may come between: it changes `next` and `leaseUntil` alone, of which no `Changes` but
   * `writer` sets one, and is refused once the run has an end or another fence.
   */
  transact<T>(chatId: string, need: Need, decide: (facts: Facts) => Decision<T>): Awaitable<T>;

  /**
   * The fast path, one round trip. If the run has this fence, no end, a lease beyond the store's clock and `next === frame.at`: adds the frame,
   * sets `next`, renews the lease and answers the open commands behind `cursor`, oldest first. Without `frame` it renews only. In every other
   * case, also for a repeated append, it writes nothing and answers `undefined`; core then finds out why.
   */
  append(
    key: RunKey,
    fence: string,
    frame: StoredFrame | undefined,
    cursor: number,
  ): Awaitable<readonly OpenCommand[] | undefined>;

  /**
   * Runs of all chats that are over, ended less than `retentionMs` ago, still have their contents, and are without a claim `finish:<runId>` that lasts; and those
   * without an end whose lease is over. First ended, or without a writer, first.
   */
  unfinished(
    limit: number,
    retentionMs: number,
  ): Awaitable<{ readonly now: number; readonly runs: readonly StoredRun[] }>;

  /**
   * Deletes what is over, in one chat or in all: a run's contents `retentionMs` after its end, its row as long again after that, the conversation of a chat whose
   * newest run's contents are deleted, claims and parked cancels that are over. A store that deletes by itself does nothing here.
   */
  prune(retentionMs: number, chatId?: string): Awaitable<void>;

  /** Notices of changes in a chat, for those who wait. */
  readonly notices: Notices;
  /** Releases the store. Called once. */
  close(): Awaitable<void>;
}

/** What a decision or an answer needs to know of one chat. What is absent need not be read. */
export interface Need {
  /** `Facts.run`; and, of that run, whatever else is named here. */
  readonly run?: string;
  /** One steer of the run, by its command id. */
  readonly steer?: string;
  /** How many steers the run has. */
  readonly steerCounts?: true;
  /** The open commands behind this cursor. */
  readonly openAfter?: number;
  readonly lastFrame?: true;
  /** Whole frames with `at >= from`, in order: as many as fit `maxLength` UTF-16 units, at least one. */
  readonly frames?: { readonly from: number; readonly maxLength: number };
  readonly snapshot?: true;
  /** What the run was begun with for another writer. */
  readonly context?: true;
  /** How many of the chat's newest runs. */
  readonly newest?: number;
  /** Runs come with their starts. */
  readonly starts?: true;
  /** The conversation: the messages that runs behind this turn have written. -1, or more than the chat's turn: all of them. */
  readonly messagesAfter?: number;
  /** If the chat's turn is not above this, only `now` and `turn` are needed. */
  readonly above?: number;
  readonly parked?: true;
  /** One claim by its name, and how many claims of its kind last. */
  readonly claim?: string;
}

export interface Facts {
  /** The store's clock, in milliseconds: leases and retention are measured by it alone. */
  readonly now: number;
  /** The chat's turn: of its newest run ever, or of its deletion. 0 without either; never forgotten. */
  readonly turn: number;
  /** The turn of the chat's last deletion; 0 without one. Runs up to it are deleted. */
  readonly deletedTurn: number;
  readonly run?: StoredRun | undefined;
  readonly steer?: StoredSteer | undefined;
  readonly steerCounts?: SteerCounts | undefined;
  readonly openCommands: readonly OpenCommand[];
  readonly lastFrame?: StoredFrame | undefined;
  readonly frames: readonly StoredFrame[];
  readonly snapshot?: string | undefined;
  readonly context?: string | undefined;
  /** Newest first. */
  readonly newest: readonly StoredRun[];
  readonly conversation?: StoredConversation | undefined;
  /** Oldest first; may hold some that are over. */
  readonly parked: readonly ParkedCancel[];
  readonly claim?: StoredClaim | undefined;
  /** How many claims of the kind last now. */
  readonly claimCount: number;
}

/** What a decision comes to. Without `changes`, nothing is written. */
export interface Decision<T> {
  readonly answer: T;
  readonly changes?: Changes | undefined;
}

/** Each is at most once in a decision. A store applies all or none; `erase` first, `ends` before `begin`. */
export interface Changes {
  /** Deletes the chat's contents: all texts, frames, steers, snapshots, messages, parked cancels and claims. Rows of runs stay until their time; `turn` is the deletion's. */
  readonly erase?: { readonly turn: number };
  /** Runs that end now. A run that has an end keeps it. */
  readonly ends?: readonly { readonly runId: string; readonly end: RunEnd; readonly cancelIds: readonly string[] }[];
  /** A new run, the chat's newest. Its conversation is the first `keep` messages of the present one, and `add` behind them. */
  readonly begin?: {
    readonly row: RunRow;
    readonly start: string;
    /** JSON text; deleted with the run's contents. */
    readonly context?: string;
    readonly keep: number;
    readonly add: readonly string[];
  };
  /** The run's writer and its lease. A run that has an end keeps those that it has. */
  readonly writer?: WriterChange;
  readonly addSteer?: { readonly runId: string; readonly id: string; readonly command: string };
  /** A steer's outcome. A steer that has one keeps it. */
  readonly settle?: { readonly runId: string; readonly id: string; readonly receipt: CommandReceipt };
  /** The run's snapshot. A run that has one keeps it. */
  readonly snapshot?: { readonly runId: string; readonly text: string };
  /** Replaces the chat's parked cancels. */
  readonly parked?: readonly ParkedCancel[];
  readonly claim?: StoredClaim & { readonly name: string };
}

/** What changes in a run's row when another writer takes it over, or its writer gives it up. */
export type WriterChange = Pick<RunRow, 'runId' | 'fence' | 'attempt' | 'leaseUntil'>;

/** What a listener hears: `frames` is everything that happens in a chat, `changes` is everything except appended frames. */
export type Topic = 'frames' | 'changes';

/** How those who wait learn of changes, also of other processes'. */
export interface Notices {
  /**
   * Calls `wake` after every change of the chat, from the moment that `live` resolves (at once where it is absent) until `stop`. A wake
   * without a change is allowed, a change without a wake is not.
   */
  listen(chatId: string, topic: Topic, wake: () => void): { readonly live?: PromiseLike<unknown>; stop(): void };
  close(): Awaitable<void>;
}

export interface StoredRun extends RunRow {
  /** The start as JSON: with `Need.starts`, while it is kept. */
  readonly start?: string | undefined;
}

export interface StoredFrame {
  readonly at: number;
  readonly next: number;
  /** The chunks as a JSON array. */
  readonly chunks: string;
}

/** A command that has no outcome yet. */
export interface OpenCommand {
  /** Its place among the run's commands, from 1: the cursor behind it. */
  readonly position: number;
  /** The `SteerCommand` as JSON. */
  readonly command: string;
}

export interface StoredSteer {
  readonly receipt: CommandReceipt | undefined;
}

export interface SteerCounts {
  readonly all: number;
  readonly open: number;
  /** The open ones' JSON together, in UTF-16 units or bytes of UTF-8. */
  readonly openLength: number;
}

/** A conversation, or its end: what a reader that knows an older turn lacks. Changes cut and append only, so newer messages are always behind older ones. */
export interface StoredConversation {
  /** How many messages it has. */
  readonly length: number;
  /** The last of them: those that were asked for. */
  readonly newer: readonly string[];
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

/** The kind of a claim: its name up to and with the first colon. */
export function claimKind(name: string): string {
  return name.slice(0, name.indexOf(':') + 1);
}
