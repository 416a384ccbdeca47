import { ChatTransportError } from '../errors.ts';
import { type ConversationCache, createConversationCache } from './conversation-cache.ts';
import { unknownRun } from './log-errors.ts';
import type { Changes, Decision, Facts, LogStore, Need, StoredRun } from './log-store.ts';
import { defaultRetentionMs, type RunKey, type RunRecord, type WaitOptions } from './run-log.ts';
import { endOf, isExpired, type RunRow, toRecord } from './run-row.ts';
import { createStartCache } from './start-cache.ts';
import { createWaiting, type Look, type Place, type Schedule } from './waiting.ts';

/** What `createStoreLog` makes a log of. */
export interface StoreLogOptions {
  /** The log's name, as shown in errors. */
  readonly name: string;
  readonly store: LogStore;
  /** How long an ended run is kept, in milliseconds. @default defaultRetentionMs */
  readonly retentionMs?: number | undefined;
  /** Timers of the waiting calls. @default setTimeout */
  readonly schedule?: Schedule | undefined;
}

/** What all calls of one store log share. */
export interface StoreContext {
  readonly store: LogStore;
  readonly retentionMs: number;
  readonly conversations: ConversationCache;
  /** Runs a call of the store: refused after `close`, and every failure is a `ChatTransportError`. */
  guard<T>(work: () => T | PromiseLike<T>): Promise<T>;
  transact<T>(chatId: string, need: Need, decide: (facts: Facts) => Decision<T>): Promise<T>;
  /** Waits for facts that `see` has an answer to. */
  wait<T>(
    place: Place,
    need: (last: boolean) => Need,
    see: (facts: Facts, last: boolean) => Look<T>,
    options: WaitOptions,
  ): Promise<T>;
  /** Whether nobody may read the run any more: it is past its retention, or was deleted with its chat. */
  isGone(row: RunRow, facts: Facts): boolean;
  record(row: StoredRun, facts: Facts): RunRecord;
  close(): Promise<void>;
}

/** Makes the shared part of a store log: its errors, its waiting and its close. */
export function createStoreContext({ name, store, schedule, ...options }: StoreLogOptions): StoreContext {
  const { retentionMs = defaultRetentionMs } = options;
  const waiting = createWaiting(store.notices, schedule);
  const startOf = createStartCache();
  let isClosed = false;
  let closing: Promise<void> | undefined;

  const refuseClosed = (): void => {
    if (isClosed) throw failed(`${name} is closed.`, { retryable: false });
  };
  const guard: StoreContext['guard'] = async (work) => {
    refuseClosed();
    try {
      return await work();
    } catch (error) {
      if (ChatTransportError.isInstance(error)) throw error;
      throw failed(`${name} failed.`, { cause: error });
    }
  };
  const isGone: StoreContext['isGone'] = (row, { now, deletedTurn }) =>
    row.turn <= deletedTurn || isExpired(row, now, retentionMs);

  return {
    store,
    retentionMs,
    conversations: createConversationCache(),
    guard,
    isGone,
    transact: (chatId, need, decide) => guard(() => store.transact(chatId, need, decide)),
    async wait(place, need, see, options) {
      refuseClosed();
      const look = (last: boolean) => guard(async () => see(await store.facts(place.chatId, need(last)), last));
      return waiting.wait(place, look, options);
    },
    record: (row, facts) => {
      const text = isGone(row, facts) ? undefined : row.start;
      return toRecord(row, text === undefined ? undefined : startOf(text), facts.now);
    },
    close() {
      // Those who wait look once more, so the store is closed after them.
      closing ??= waiting.close().then(async () => {
        isClosed = true;
        await store.notices.close();
        await store.close();
      });
      return closing;
    },
  };
}

/** The run, if there is one. @throws ChatTransportError `not-found`. */
export function foundRun(key: RunKey, { run }: Facts): StoredRun {
  if (run) return run;
  throw unknownRun(key);
}

/** Makes an expired lease final, so that a clock that steps back cannot revive it. */
export function lostChange(row: RunRow, { now }: Facts): Changes | undefined {
  const end = endOf(row, now);
  if (!end || row.end) return;
  return { ends: [{ runId: row.runId, end, cancelIds: row.cancelIds }] };
}

function failed(message: string, more: { cause?: unknown; retryable?: boolean }): ChatTransportError {
  return new ChatTransportError({ code: 'provider-failed', message, ...more });
}
