export type { SqlDatabase, SqlRow, SqlValue } from './sql-database.ts';
export { createSqlStore, type SqlStore, type SqlStoreOptions } from './sql-store.ts';
