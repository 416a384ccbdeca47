export { type AblyEmulator, type AblyEmulatorOptions, startAblyEmulator } from './ably/ably-emulator.ts';
export type { AblyLimits } from './ably/limits.ts';
export { forwardUpgrades, type UpgradeTarget } from './forward-upgrades.ts';
export { freePort } from './free-port.ts';
export { type LocalProcess, type LocalProgram, startProcess } from './local-process.ts';
export { type LocalSupabase, type LocalSupabaseOptions, startLocalSupabase } from './local-supabase.ts';
export { processesMarked } from './marked-processes.ts';
export { type PgliteDatabase, startPglite } from './pglite/start-pglite.ts';
export { type PgbouncerServer, startPgbouncer } from './pgbouncer-server.ts';
export { type PostgresOptions, type PostgresServer, startPostgres } from './postgres-server.ts';
export { type PushpinOptions, type PushpinServer, startPushpin } from './pushpin-server.ts';
export { type RedisOptions, type RedisServer, startRedis } from './redis-server.ts';
export { type SockudoServer, startSockudo } from './sockudo-server.ts';
export { type PusherApp, type SoketiOptions, type SoketiServer, startSoketi } from './soketi-server.ts';
export { postgresDatabase, type RealtimeDatabase, type RunSql } from './supabase-realtime/realtime-database.ts';
export {
  type SupabaseRealtime,
  type SupabaseRealtimeOptions,
  startSupabaseRealtime,
} from './supabase-realtime/realtime-server.ts';
export { supabaseSchemaSql } from './supabase-realtime/supabase-schema.ts';
export { until } from './until.ts';
