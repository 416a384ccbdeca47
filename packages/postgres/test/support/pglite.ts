import type { PGlite } from '@electric-sql/pglite';
import type { TestDatabase } from './log-harness.ts';

/** A PGlite in this process. */
export function pgliteTestDatabase(db: PGlite): TestDatabase {
  return {
    exec: (sql) => db.exec(sql),
    query: async (text, values) => (await db.query<Record<string, unknown>>(text, [...values])).rows,
    listen: (channel, onNotice) => db.listen(channel, onNotice),
  };
}
