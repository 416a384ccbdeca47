import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { ChatTransportError } from '@chat-transport/core/provider';
import type { SqlDatabase, SqlRow } from './sql-database.ts';

/** How long a call waits for another process's transaction, in milliseconds. */
export const defaultBusyTimeoutMs = 5_000;

/**
 * Opens a file for the log: write-ahead log, so that readers and the one writer do not wait for each other.
 * @throws ChatTransportError `provider-failed` when it cannot be opened or is no database.
 */
export function openDatabase(path: string, busyTimeoutMs: number): DatabaseSync {
  let database: DatabaseSync | undefined;
  try {
    if (path !== ':memory:') mkdirSync(dirname(path), { recursive: true });
    database = new DatabaseSync(path, { timeout: busyTimeoutMs });
    database.exec('pragma journal_mode = wal');
    // Survives the death of the process; after a power cut the last moments may be missing, never a part of a frame.
    database.exec('pragma synchronous = normal');
    return database;
  } catch (cause) {
    database?.close();
    const message = `sqliteLog cannot open ${path}.`;
    throw new ChatTransportError({ code: 'provider-failed', message, retryable: false, cause });
  }
}

/** `node:sqlite` as the log's SQL expects it. Each statement is prepared once. */
export function nodeDatabase(database: DatabaseSync): SqlDatabase {
  const statements = new Map<string, StatementSync>();
  const prepare = (sql: string): StatementSync => {
    const statement = statements.get(sql) ?? database.prepare(sql);
    statements.set(sql, statement);
    return statement;
  };
  return {
    run: (sql, ...values) => void prepare(sql).run(...values),
    all: (sql, ...values) => prepare(sql).all(...values) as unknown as SqlRow[],
    transaction(mode, work) {
      // A write takes the lock at its start: a transaction that read first could not wait for another writer.
      database.exec(mode === 'write' ? 'begin immediate' : 'begin');
      try {
        const result = work();
        database.exec('commit');
        return result;
      } catch (error) {
        if (database.isTransaction) database.exec('rollback');
        throw error;
      }
    },
  };
}
