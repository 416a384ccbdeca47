/** A value in a statement or a row. */
export type SqlValue = string | number | null;

/** One row, by column. */
export type SqlRow = Readonly<Record<string, SqlValue>>;

/**
 * The little of SQLite that the log needs, so that the same SQL runs on `node:sqlite` and in a Durable Object.
 * Everything is synchronous.
 */
export interface SqlDatabase {
  /** Runs one statement whose rows nobody needs. */
  run(sql: string, ...values: SqlValue[]): void;
  /** Runs one statement and answers all its rows. */
  all(sql: string, ...values: SqlValue[]): readonly SqlRow[];
  /** Runs `work` all-or-nothing: `write` alone among all writers, `read` on one view. */
  transaction<T>(mode: 'read' | 'write', work: () => T): T;
}
