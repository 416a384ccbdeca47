export { redisLog, type RedisLogOptions } from './redis-log.ts';
export type { RedisLogClient, RedisSubscription, ScriptInput } from './redis-client.ts';
export { defaultCallTimeoutMs } from './script-runner.ts';
export { defaultKeyPrefix } from './redis-keys.ts';
