import type { FileUIPart, TextUIPart, UIMessage } from 'ai';
import type { EndReason, LogFrame, RunStart } from '../wire/frame.ts';

/** A run's key. A `runId` means nothing without its chat. */
export interface RunKey {
  readonly chatId: string;
  readonly runId: string;
}

/** A client's command to a run. The client chooses `id`; a command with the same `id` again returns the present outcome. */
export type RunCommand = CancelCommand | SteerCommand;

export interface CancelCommand {
  readonly id: string;
  readonly type: 'cancel';
}

export interface SteerCommand {
  readonly id: string;
  readonly type: 'steer';
  readonly parts: readonly (TextUIPart | FileUIPart)[];
}

/**
 * What became of a command. `accepted`: not known yet. `reason` of `not-delivered`: `ended` when the run was over,
 * else what the AI SDK's steering says (`finished`, `stop-condition`, `aborted` …).
 */
export interface CommandReceipt {
  readonly outcome: 'accepted' | 'delivered' | 'not-delivered';
  readonly reason?: string;
}

/**
 * A run as the log knows it. An expired lease shows as `interrupted`, and `takeOverMs` later as `end.reason: 'lost'`, from the log's own clock, whoever
 * reads it.
 */
export interface RunRecord extends RunKey {
  readonly turn: number;
  readonly start: RunStart;
  /** Which of the run's writers writes it now, or did last: from 1. Each one that takes the run over is the next. */
  readonly attempt: number;
  /** The run has no writer at present: its lease expired, or it was released. Another one may take it over. */
  readonly interrupted?: true;
  /** The number of offsets in the log: the next append's `at`. */
  readonly next: number;
  readonly end?: { readonly reason: EndReason };
  /** Milliseconds since the run ended, by the log's clock; absent while it is active. */
  readonly endedAgoMs?: number;
}

/** What begins a run. */
export interface RunInit extends RunKey {
  /** A digest of the request: the same `runId` with another digest is a conflict. */
  readonly digest: string;
  readonly start: RunStart;
  /**
   * The whole conversation that the run answers, `start.tail` included. The chat keeps the newest run's. Only what differs from the
   * conversation before is written, so pass the messages that `state` answered where they have not changed.
   */
  readonly messages: readonly UIMessage[];
  /** The chat's turn that the sender has seen; less than the head's is stale. Absent: the sender is taken at its word. */
  readonly baseTurn?: number;
  /**
   * Equal for requests that continue the same message from the same state: the second one gets the first one's run while that is the
   * chat's newest and did not end as `error` or `lost` (then it is a retry).
   */
  readonly joinKey?: string;
  /** How long the writer's claim holds without an append or renewal, in milliseconds of the log's clock. */
  readonly leaseMs: number;
  /**
   * What the run's one writer shows at each call; the caller makes it, unique for each attempt to write the run. A repeated `begin` with the same fence,
   * after a lost reply, gets the same answer again.
   */
  readonly fence: string;
  /**
   * How long after its lease the run waits for another writer (`takeOver`), in milliseconds of the log's clock, before it is lost.
   * @default 0
   */
  readonly takeOverMs?: number;
  /** What another writer needs to go on with the run: any JSON value. `takeOver` answers it. Deleted with the run's frames. */
  readonly context?: unknown;
}

/** What a process that wants to write an interrupted run shows. */
export interface TakeOverRequest {
  /** The attempt that the caller has seen interrupted. */
  readonly ifAttempt: number;
  /** What the new writer shows at each call: unique for each attempt. The same `takeOver` again, after a lost reply, gets the same answer. */
  readonly fence: string;
  /** How many times a run may be taken over, at most. What it has written does not matter: a run that kills each of its writers must end. */
  readonly max: number;
}

/**
 * The answer to `takeOver`. `taken-over`: the caller is the run's writer; what it reads from now on is all that earlier ones have written.
 * `released`: the writer before has given the run up; absent where its lease expired, and in the answer to a repeated call.
 * `alive`: the run has a writer. `taken`: another process was first. `ended`: the run is over. `exhausted`: it was taken over `max` times
 * before; this call has ended it as `lost`.
 */
export type TakenOver =
  | { readonly type: 'taken-over'; readonly run: RunRecord; readonly context?: unknown; readonly released?: true }
  | { readonly type: 'alive' | 'taken' | 'ended' | 'exhausted'; readonly run: RunRecord };

/** The answer to `begin`. Checked in this order: exists, conflict, join, busy, stale, parked cancel. */
export type Begun =
  | { readonly type: 'started'; readonly run: RunRecord; readonly fence: string }
  /** The same request began before, or another device continued the same message: `run.runId` may differ. */
  | { readonly type: 'exists'; readonly run: RunRecord }
  /** The `runId` was used for another request. */
  | { readonly type: 'conflict' }
  | { readonly type: 'busy'; readonly active: RunRecord }
  | { readonly type: 'stale'; readonly turn: number }
  /** A parked cancel met the run: it is recorded with its messages and ended. */
  | { readonly type: 'cancelled'; readonly run: RunRecord };

/** What a writer learns at each call. With `end` or `superseded`, nothing was written. */
export interface WriterNews {
  /** The run is over. */
  readonly end?: { readonly reason: EndReason };
  /**
   * The run goes on without this writer: its lease expired, it released the run, or another writer took it over. This is no end: the writer publishes
   * nothing more, saves nothing, and leaves alone what belongs to its successor.
   */
  readonly superseded?: true;
  /** The open commands (steers) behind the cursor that the writer showed, oldest first. */
  readonly commands: readonly SteerCommand[];
  /** The cursor behind `commands`: shown at the next call, it makes each command come once. */
  readonly cursor: number;
}

/** One chat as the log knows it. */
export interface ChatState {
  /** The newest run's turn; 0 for a chat without runs. */
  readonly turn: number;
  /** The run that is not over. */
  readonly active?: RunRecord;
  /** The newest runs, at most `recentRuns`, oldest first; the active one included. */
  readonly runs: readonly RunRecord[];
  /** The turn of the chat's last deletion, where there was one. It is `turn` until the next run begins. */
  readonly deletedTurn?: number;
  /**
   * The conversation that the newest run answers (its `RunInit.messages`); empty for a chat without runs. The messages are shared with the log's
   * cache and frozen: copy a message before you change it.
   */
  readonly messages: readonly UIMessage[];
}

/** What `deleteChat` did. */
export interface DeletedChat {
  /** The chat's turn now: the deletion has a turn of its own. 0 for a chat that never had a run. */
  readonly turn: number;
  /** The run that was active, ended by the deletion. */
  readonly ended?: RunRecord;
}

/** How many runs `state` lists at most. */
export const recentRuns = 8;
/** How much one `read` answers at most, in UTF-16 units of JSON; a bigger frame comes alone. */
export const maxReadLength = 1_000_000;
/** How many cancels wait for runs that have not begun, per chat at most. One more is refused as `rate-limited`. */
export const parkedCommandsPerChat = 16;
/** How long a cancel waits for a run that has not begun, in milliseconds. */
export const parkedCommandTtlMs = 60_000;
/** How many steers of one run may wait for their outcome. One more is refused as `rate-limited`. */
export const maxOpenSteersPerRun = 64;
/** How many steers one run takes in all. One more is refused as `rate-limited`. */
export const maxSteersPerRun = 1_000;
/** How long the open steers of one run may be together, in UTF-16 units of JSON. What exceeds it is refused as `too-large`. */
export const maxOpenSteersLength: number = 256 * 1024;
/** How many claims of one kind (the name up to its colon) last in a chat at the same time. One more is refused as `rate-limited`. */
export const maxClaimsPerChat = 64;
/** A claim's time to live when it is to last as long as the log keeps anything: `claim` cuts it to the retention. */
export const longestClaimMs: number = Number.MAX_SAFE_INTEGER;
/** How long a log remembers that access was taken back, in milliseconds: longer than any stream or credential that it has to end. */
export const revocationTtlMs: number = 60 * 60 * 1000 + 60_000;
/** How many revocations of single users a chat remembers. One more stands for everybody: those who may still read come back by themselves. */
export const maxRevocationsPerChat = 64;
/** How long an ended run is kept when the log's `retentionMs` is not set: 24 hours. */
export const defaultRetentionMs: number = 24 * 60 * 60 * 1000;

/**
 * The durable, append-only record of runs and frames: the truth. All times are the log's own clock.
 * Every method may throw `ChatTransportError` `provider-failed` (the store did not answer; retryable).
 */
export interface RunLog {
  readonly name: string;

  /** Begins a run and gives it its turn, in one transaction. Idempotent by `(chatId, runId)`, `digest` and `fence`. */
  begin(run: RunInit): Promise<Begun>;

  /**
   * Appends one frame and renews the lease. `frame.at` must be the run's `next`; the byte-identical retry of the last append is accepted again.
   * Answers the open commands behind `cursor` (0 when absent), or `end` (and writes nothing) when the run is over, or `superseded` when the fence is
   * not the run's or its lease expired.
   * @throws ChatTransportError `protocol` when `at` is not the next offset or `next - at` is not the number of chunks.
   */
  append(run: RunKey, fence: string, frame: LogFrame, cursor?: number): Promise<WriterNews>;

  /** Renews the lease without writing. An expired lease cannot be renewed: answers `superseded`, or `end: lost` where the run waits for no other writer. */
  renew(run: RunKey, fence: string, cursor?: number): Promise<WriterNews>;

  /**
   * Records a steer's final outcome. The first outcome stays. A fence that is not the run's, or whose lease expired, records nothing: what that writer
   * did not deliver, the next one may.
   */
  settle(run: RunKey, fence: string, commandId: string, receipt: CommandReceipt): Promise<void>;

  /** Like `renew` without renewing: resolves when there is an open command behind `cursor`, or the run ended, or after `waitMs`. */
  waitForCommand(run: RunKey, fence: string, options: WaitOptions & { readonly cursor?: number }): Promise<WriterNews>;

  /**
   * Makes the caller the run's writer, if the run has none: its lease expired or was released, less than `takeOverMs` ago. One call of all that race
   * wins. The new lease is as long as the first one's.
   * @throws ChatTransportError `not-found`.
   */
  takeOver(run: RunKey, request: TakeOverRequest): Promise<TakenOver>;

  /**
   * Gives the run up: it is interrupted from now on, and another writer may take it over within `takeOverMs`. A run that is over, or that is another
   * writer's, stays as it is. Answers the record.
   */
  release(run: RunKey, fence: string): Promise<RunRecord>;

  /**
   * Ends the run at its present offset and settles its open steers as `not-delivered` `ended`. Answers the record: an earlier end stays, and a
   * superseded writer ends nothing, which the record shows.
   */
  end(run: RunKey, fence: string, end: { readonly reason: EndReason }): Promise<RunRecord>;

  /**
   * Keeps the compacted, encoded copy of an ended run for readers that begin at 0. The first copy stays; of a run that is active, expired or
   * deleted, nothing is kept. Deleted with the run's frames.
   */
  saveSnapshot(run: RunKey, snapshot: string): Promise<void>;

  /** What `saveSnapshot` kept; `undefined` without it, or past its retention. */
  snapshot(run: RunKey): Promise<string | undefined>;

  /**
   * The run's frames from offset `from` on, and its record. With nothing there yet, waits for a frame, the end, or an interruption that the
   * caller does not know of, at most `waitMs`.
   * May answer a part of the frames (whole frames, in order); the caller reads on from the last `next`.
   * @throws ChatTransportError `not-found` (unknown run), `log-expired` (past its retention, or deleted), `invalid-offset` (`from` beyond
   * `next`, or inside a frame).
   */
  read(run: RunKey, options: ReadOptions): Promise<{ readonly frames: readonly LogFrame[]; readonly run: RunRecord }>;

  /** The chat's state. With `after`, waits at most `waitMs` until a turn newer than `after` exists. */
  state(chatId: string, options?: WaitOptions & { readonly after?: number }): Promise<ChatState>;

  /**
   * Hands a command to a run. A cancel ends the run here and now (`delivered`); of an ended run it is `not-delivered` `ended`.
   * A cancel of an unknown run is parked (`accepted`). The same `id` again answers the outcome as it is now.
   * @throws ChatTransportError `not-found` for a steer of an unknown run; `rate-limited` above `maxOpenSteersPerRun`, `maxSteersPerRun` or
   * `parkedCommandsPerChat`; `too-large` above `maxOpenSteersLength`.
   */
  command(run: RunKey, command: RunCommand): Promise<CommandReceipt>;

  /**
   * The outcome of a command as it is now. While it is `accepted`, waits at most `waitMs` for another one. A command that the log does not
   * know is `not-delivered`, `unknown`.
   */
  receipt(run: RunKey, commandId: string, options?: WaitOptions): Promise<CommandReceipt>;

  /**
   * Takes or, for the same `owner`, extends a named claim in a chat, for `ttlMs` but at most the retention. False while another owner's claim lasts, and
   * for a claim `finish:<runId>` on a run that was deleted.
   * @throws ChatTransportError `rate-limited` above `maxClaimsPerChat`, claims `finish:` aside: runs bound those.
   */
  claim(chatId: string, key: string, owner: string, ttlMs: number): Promise<boolean>;

  /** Records that access to the chat was taken back, and wakes everybody who waits in `revocations`. The same `id` again changes nothing. */
  revoke(chatId: string, revocation: { readonly id: string; readonly userId?: string | undefined }): Promise<void>;

  /** What was taken back within `revocationTtlMs`, oldest first. With `after`, waits at most `waitMs` for what is newer, and answers that alone. */
  revocations(chatId: string, options?: WaitOptions & { readonly after?: number }): Promise<LoggedRevocations>;

  /**
   * Runs that are over (lost ones included) and have no live claim `finish:<runId>`, and interrupted ones; at most `limit`. Also deletes what is
   * past its retention.
   */
  unfinished(limit: number): Promise<readonly RunRecord[]>;

  /**
   * Deletes a chat: ends its active run as `cancel` and erases frames, starts, conversation, commands, claims and snapshots. A tombstone without text
   * stays: the deletion takes a turn of its own, so that those who watch learn of it and nobody's turn goes backwards; writers of older runs can
   * write nothing, a repeated `begin` of one gets its ended record, and nobody can claim to finish it. Deleting twice is deleting once.
   */
  deleteChat(chatId: string): Promise<DeletedChat>;

  /** Releases what the log holds: timers, files, connections that it opened itself. Idempotent; waiting calls end. */
  close(): Promise<void>;
}

/** What `revocations` answers. */
export interface LoggedRevocations {
  /** The place behind them: `after` of the next call. */
  readonly cursor: number;
  readonly revoked: readonly LoggedRevocation[];
}

/** That access to a chat was taken back. */
export interface LoggedRevocation {
  readonly id: string;
  /** Absent: everybody's. */
  readonly userId?: string;
  /** How long ago, in milliseconds by the log's clock. */
  readonly agoMs: number;
}

export interface WaitOptions {
  /** How long to wait at most, in milliseconds; 0 or absent: not at all. */
  readonly waitMs?: number;
  /** Ends the waiting early: the call rejects with `signal.reason`. */
  readonly signal?: AbortSignal;
}

export interface ReadOptions extends WaitOptions {
  readonly from: number;
  /** The caller knows that the run is interrupted, and waits for its next writer. Without it, an interrupted run is news. */
  readonly knowsInterrupted?: boolean | undefined;
}
