import {
  createLocalNotices,
  type Facts,
  type LocalNotices,
  type LogStore,
  type Need,
  type OpenCommand,
  type RunKey,
  type RunRow,
  type StoredFrame,
} from '@chat-transport/core/provider';
import { prepareSchema } from './schema.ts';
import { applyChanges, prune } from './sql-changes.ts';
import type { SqlDatabase } from './sql-database.ts';
import { openCommands, readFacts, toRun } from './sql-facts.ts';
import { writeText } from './sql-texts.ts';

/** Options of `createSqlStore`. */
export interface SqlStoreOptions {
  /** The log's clock, in milliseconds. @default Date.now */
  readonly now?: (() => number) | undefined;
  /** How those who wait learn of changes. @default those of this store alone */
  readonly notices?: LocalNotices | undefined;
}

/** A store whose calls answer at once. */
export interface SqlStore extends LogStore {
  facts(chatId: string, need: Need): Facts;
  transact: <T>(...call: Parameters<LogStore['transact']>) => T;
  append(
    key: RunKey,
    fence: string,
    frame: StoredFrame | undefined,
    cursor: number,
  ): readonly OpenCommand[] | undefined;
  unfinished(...call: Parameters<LogStore['unfinished']>): Awaited<ReturnType<LogStore['unfinished']>>;
  /**
   * Adds a frame without looking at its run: for a store that keeps the run's row in memory. Answers the open commands
   * behind `cursor`.
   */
  addFrame(key: RunKey, frame: StoredFrame | undefined, cursor: number): readonly OpenCommand[];
  /** Writes what appends have changed in a run that has not ended. */
  writeRow(row: Pick<RunRow, 'chatId' | 'runId' | 'next' | 'leaseUntil'>): void;
  readonly notices: LocalNotices;
}

/**
 * The log's store in any SQLite. `createStoreLog` makes a log of it.
 * @throws ChatTransportError `provider-failed` when the database has the log's tables in another version.
 */
export function createSqlStore(database: SqlDatabase, options: SqlStoreOptions = {}): SqlStore {
  const { now = Date.now, notices = createLocalNotices() } = options;
  prepareSchema(database);
  return {
    facts: (chatId, need) => database.transaction('read', () => readFacts(database, chatId, need, now())),
    transact<T>(...[chatId, need, decide]: Parameters<LogStore['transact']>): T {
      const { answer, changes } = database.transaction('write', () => {
        const decision = decide(readFacts(database, chatId, need, now()));
        if (decision.changes) applyChanges(database, chatId, decision.changes);
        return decision;
      });
      if (changes) notices.notify(chatId);
      return answer as T;
    },
    append(key, fence, frame, cursor) {
      const open = database.transaction('write', () => {
        const run = renewed(database, key, fence, frame, now());
        if (run === undefined) return undefined;
        if (frame) writeText(database, run, { at: frame.at, next: frame.next, text: frame.chunks });
        return openCommands(database, run, cursor);
      });
      if (open && frame) notices.notify(key.chatId, 'frames');
      return open;
    },
    addFrame({ chatId, runId }, frame, cursor) {
      const sql = 'select id from chat_log_runs where chat_id = ? and run_id = ?';
      const run = Number(database.all(sql, chatId, runId)[0]?.id);
      if (frame) writeText(database, run, { at: frame.at, next: frame.next, text: frame.chunks });
      if (frame) notices.notify(chatId, 'frames');
      return openCommands(database, run, cursor);
    },
    writeRow: ({ chatId, runId, next, leaseUntil }) =>
      database.run(
        `update chat_log_runs set next = ?, lease_until = ? where chat_id = ? and run_id = ? and end_reason is null`,
        ...[next, leaseUntil, chatId, runId],
      ),
    unfinished: (limit, retentionMs) =>
      database.transaction('read', () => {
        const time = now();
        const cutoff = time - retentionMs;
        const rows = database.all(selectUnfinished, cutoff, cutoff, time, time, time, limit);
        return { now: time, runs: rows.map((row) => toRun(database, row, true)) };
      }),
    prune: (retentionMs, chatId) => database.transaction('write', () => prune(database, now(), retentionMs, chatId)),
    notices,
    close: () => {},
  };
}

const selectUnfinished = `select * from chat_log_runs as run
  where pruned = 0 and (ended_at > ? or (ended_at is null and lease_until + take_over_ms > ? and lease_until <= ?))
  and ((ended_at is null and lease_until + take_over_ms > ?) or not exists (select 1 from chat_log_claims as claim
    where claim.chat_id = run.chat_id and claim.name = 'finish:' || run.run_id and claim.until > ?))
  order by coalesce(ended_at, lease_until), id limit ?`;

const renewRun = `update chat_log_runs set next = coalesce(?, next), lease_until = ? + lease_ms
  where chat_id = ? and run_id = ? and fence = ? and end_reason is null and lease_until > ? and next = coalesce(?, next)
  returning id`;

/** Renews the lease and moves `next`, if this writer may: answers the run's row id. */
function renewed(
  database: SqlDatabase,
  { chatId, runId }: RunKey,
  fence: string,
  frame: StoredFrame | undefined,
  time: number,
): number | undefined {
  const values = [frame?.next ?? null, time, chatId, runId, fence, time, frame?.at ?? null];
  const id = database.all(renewRun, ...values)[0]?.id;
  return id === undefined ? undefined : Number(id);
}
