import { ChatTransportError } from '../errors.ts';
import { unknownRun } from './log-errors.ts';
import type { LogStore } from './log-store.ts';
import { defaultRetentionMs, parkedCommandTtlMs, type RunKey, type RunRecord } from './run-log.ts';
import { endOf, isExpired, type RunRow, toRecord } from './run-row.ts';
import type { Look, WakeUps } from './wake-ups.ts';

/** What `createStoreLog` makes a log of. */
export interface StoreLogOptions {
  /** The log's name, as shown in errors. */
  readonly name: string;
  readonly store: LogStore;
  readonly wakeUps: WakeUps;
  /** How long an ended run is kept, in milliseconds. @default defaultRetentionMs */
  readonly retentionMs?: number | undefined;
  /** The log's clock, in milliseconds. @default Date.now */
  readonly now?: (() => number) | undefined;
}

/** What all calls of one store log share. `time` is the log's clock at the beginning of a call. */
export interface StoreContext {
  readonly store: LogStore;
  readonly wakeUps: WakeUps;
  readonly retentionMs: number;
  /** Runs a write, without waking anybody. */
  write<T>(work: (time: number) => T): T;
  /** Runs a write and wakes who waits for the chat. */
  change<T>(chatId: string, work: (time: number) => T): T;
  /** Runs one look of a waiting call. */
  look<T>(work: (time: number) => Look<T>): Look<T>;
  /** The run, if there is one. @throws ChatTransportError `not-found`. */
  find(key: RunKey): RunRow;
  /** The run for a write. Makes an expired lease final, so that a clock that steps back cannot revive it. */
  load(key: RunKey, time: number): RunRow;
  update(row: RunRow): RunRow;
  record(row: RunRow, time: number): RunRecord;
  prune(time: number, chatId?: string): void;
  close(): void;
}

/** Makes the shared part of a store log: its clock, its errors and its notices. */
export function createStoreContext(options: StoreLogOptions): StoreContext {
  const { name, store, wakeUps, retentionMs = defaultRetentionMs, now = Date.now } = options;
  let closed = false;

  const guard = <T>(work: () => T): T => {
    if (closed) throw failed(`${name} is closed.`, { retryable: false });
    try {
      return work();
    } catch (error) {
      if (ChatTransportError.isInstance(error)) throw error;
      throw failed(`${name} failed.`, { cause: error });
    }
  };
  const context: StoreContext = {
    store,
    wakeUps,
    retentionMs,
    write: (work) => guard(() => store.write(() => work(now()))),
    change(chatId, work) {
      const result = context.write(work);
      wakeUps.notify(chatId);
      return result;
    },
    look: (work) => guard(() => store.read(() => work(now()))),
    find(key) {
      const row = store.run(key);
      if (row) return row;
      throw unknownRun(key);
    },
    load(key, time) {
      const row = context.find(key);
      const end = endOf(row, time);
      return end && !row.end ? context.update({ ...row, end }) : row;
    },
    update(row) {
      store.updateRun(row);
      return row;
    },
    record(row, time) {
      const start = isExpired(row, time, retentionMs) ? undefined : store.start(row);
      return toRecord(row, start, time);
    },
    prune(time, chatId) {
      const endedBefore = time - retentionMs;
      const forgetBefore = endedBefore - retentionMs;
      store.prune({ endedBefore, forgetBefore, claimsBefore: time, parkedBefore: time - parkedCommandTtlMs }, chatId);
    },
    close() {
      if (closed) return;
      // Those who wait look once more, so the store is closed after them.
      wakeUps.close();
      closed = true;
      store.close();
    },
  };
  return context;
}

function failed(message: string, more: { cause?: unknown; retryable?: boolean }): ChatTransportError {
  return new ChatTransportError({ code: 'provider-failed', message, ...more });
}
