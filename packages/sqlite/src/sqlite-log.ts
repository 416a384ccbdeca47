import type { DatabaseSync } from 'node:sqlite';
import { createLocalNotices, createStoreLog, type LocalNotices, type RunLog } from '@chat-transport/core/provider';
import { watchCommits } from './commit-watch.ts';
import { defaultBusyTimeoutMs, nodeDatabase, openDatabase } from './node-database.ts';
import { createSqlStore } from './sql-store.ts';

/** Options of `sqliteLog`: a `path`, or a `database` of your own. */
export type SqliteLogOptions = SqliteLogSettings & (SqliteLogPath | SqliteLogDatabase);

/** A file that the log opens and closes itself. */
export interface SqliteLogPath {
  /** The file; it and its folder are made where they are missing. `:memory:` for a database without a file. */
  readonly path: string;
  readonly database?: never;
  /** How long a call waits for another process's transaction, in milliseconds. @default defaultBusyTimeoutMs */
  readonly busyTimeoutMs?: number;
}

/** A database that you opened. The log keeps its tables (`chat_log_*`) in it and does not close it. */
export interface SqliteLogDatabase {
  /** An open database; where other processes use it too, in WAL mode and with a busy timeout. */
  readonly database: DatabaseSync;
  readonly path?: never;
}

/** What holds for both. */
export interface SqliteLogSettings {
  /** How long an ended run is kept, in milliseconds. @default defaultRetentionMs */
  readonly retentionMs?: number;
  /** The log's clock, in milliseconds, the same for all processes on the file. @default Date.now */
  readonly now?: () => number;
}

/**
 * A log in one SQLite file, for the processes of one machine. It survives restarts; several processes on the same file
 * work together.
 * @throws ChatTransportError `provider-failed` when the file cannot be opened, or has the log's tables in another
 * version.
 */
export function sqliteLog(options: SqliteLogOptions): RunLog {
  const { retentionMs, now } = options;
  const own =
    options.path === undefined ? undefined : openDatabase(options.path, options.busyTimeoutMs ?? defaultBusyTimeoutMs);
  const database = own ?? (options as SqliteLogDatabase).database;
  const close = (): void => own?.close();
  try {
    const notices: LocalNotices = createLocalNotices({
      whileListening: () => watchCommits(database, notices),
    });
    const store = { ...createSqlStore(nodeDatabase(database), { now, notices }), close };
    return createStoreLog({ name: 'sqliteLog', store, retentionMs });
  } catch (error) {
    close();
    throw error;
  }
}
