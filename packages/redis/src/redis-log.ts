import { createStoreLog, defaultRetentionMs, type RunLog } from '@chat-transport/core/provider';
import { createNotices, type Pulse } from './notices.ts';
import type { RedisLogClient } from './redis-client.ts';
import { defaultKeyPrefix, redisKeys } from './redis-keys.ts';
import { createRedisStore } from './redis-store.ts';
import { createScriptRunner, defaultCallTimeoutMs, script } from './script-runner.ts';
import { pulse } from './scripts/pulse-script.ts';

/** Options of `redisLog`. */
export interface RedisLogOptions {
  /**
   * A connected client of the `redis` package: `createClient` or `createCluster`. The log leaves it open, and opens one
   * more connection of its kind to listen.
   */
  readonly client: RedisLogClient;
  /** In front of every key and channel. @default defaultKeyPrefix */
  readonly keyPrefix?: string;
  /** How long an ended run is kept, in milliseconds. @default defaultRetentionMs */
  readonly retentionMs?: number;
  /**
   * How long Redis may take to answer, in milliseconds; then the call fails with `provider-failed`.
   * @default defaultCallTimeoutMs
   */
  readonly callTimeoutMs?: number;
  /** The log's clock, in milliseconds, for tests. @default the server's */
  readonly now?: () => number;
}

const sendPulse = script(pulse);

/**
 * A log in Redis, for any number of processes. Every call is one transaction on one chat; an append is one round trip.
 */
export function redisLog(options: RedisLogOptions): RunLog {
  const { client, callTimeoutMs = defaultCallTimeoutMs, retentionMs = defaultRetentionMs, now } = options;
  const keys = redisKeys(options.keyPrefix ?? defaultKeyPrefix);
  const run = createScriptRunner(client, callTimeoutMs);
  const notices = createNotices(() => client.duplicate(), keys, {
    channel: keys.pulse,
    send: () => run(sendPulse, keys.pulse, []) as ReturnType<Pulse['send']>,
  });
  const store = createRedisStore({ run, keys, retentionMs, now, notices });
  return createStoreLog({ name: 'redisLog', store, retentionMs });
}
