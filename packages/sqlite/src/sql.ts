export type { SqlDatabase, SqlRow, SqlValue } from './sql-database.ts';
export { createSqlStore } from './sql-store.ts';
