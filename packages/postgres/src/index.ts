export { postgresLog, type PostgresLogOptions } from './postgres-log.ts';
export type { PostgresListen, PostgresQuery } from './postgres-client.ts';
export { defaultPollMs } from './postgres-notices.ts';
export { defaultSchema, schemaSql, schemaVersion } from './schema.ts';
export { pruneSql } from './prune-sql.ts';
