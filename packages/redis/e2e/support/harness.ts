import type { LogHarness } from '@chat-transport/contract';
import { defaultRetentionMs, type RunLog } from '@chat-transport/core/provider';
import { type RedisLogClient, type RedisLogOptions, redisLog } from '../../src/index.ts';

/** A connected client, and its end. */
export interface OpenClient {
  readonly client: RedisLogClient;
  close(): Promise<void>;
}

/** A log of its own for one case: keys under a prefix that nobody else uses. */
export async function createHarness(options: {
  connect(): Promise<OpenClient>;
  /** Stops Redis and starts it again, where that is a part of the test. */
  restart?(): Promise<void>;
  readonly log?: Omit<RedisLogOptions, 'client' | 'keyPrefix'>;
}): Promise<LogHarness> {
  const keyPrefix = `${crypto.randomUUID()}:`;
  const opened: { log: RunLog; client: OpenClient }[] = [];
  const open = async (): Promise<RunLog> => {
    const client = await options.connect();
    const log = redisLog({ ...options.log, client: client.client, keyPrefix });
    opened.push({ log, client });
    return log;
  };
  const log = await open();
  const { restart } = options;
  return {
    log,
    retentionMs: options.log?.retentionMs ?? defaultRetentionMs,
    second: open,
    ...(restart && {
      async reopen() {
        await log.close();
        await restart();
        return open();
      },
    }),
    async dispose() {
      for (const { log: each, client } of opened) {
        await each.close();
        await client.close();
      }
    },
  };
}
