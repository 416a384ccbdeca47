import type { SqlDatabase, SqlRow } from '@chat-transport/sqlite/sql';

/**
 * A Durable Object's SQLite as the log's SQL expects it. No other code runs between two
 * reads, so a consistent view needs no transaction.
 */
export function durableDatabase(storage: DurableObjectStorage): SqlDatabase {
  const { sql } = storage;
  return {
    run: (text, ...values) => void sql.exec(text, ...values),
    all: (text, ...values) => sql.exec(text, ...values).toArray() as SqlRow[],
    transaction: (mode, work) => (mode === 'write' ? storage.transactionSync(work) : work()),
  };
}
