export { defaultBusyTimeoutMs } from './node-database.ts';
export {
  type SqliteLogDatabase,
  type SqliteLogOptions,
  type SqliteLogPath,
  type SqliteLogSettings,
  sqliteLog,
} from './sqlite-log.ts';
