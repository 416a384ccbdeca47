export { notifySql, runStatements } from './postgres-log.ts';
export { defaultPollMs } from './postgres-notices.ts';
export { createPostgresStore, type PostgresStoreOptions, type RunStatement } from './postgres-store.ts';
export { quoted } from './schema.ts';
export { type Announcing, createStatements, type Statements } from './statements.ts';
