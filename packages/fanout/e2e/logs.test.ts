import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeTransportContract } from '@chat-transport/contract';
import type { RunLog } from '@chat-transport/core/provider';
import { startRedis } from '@chat-transport/local-services';
import { redisLog } from '@chat-transport/redis';
import { sqliteLog } from '@chat-transport/sqlite';
import { createClient } from 'redis';
import { afterAll, beforeAll } from 'vitest';
import { contractOver, type PushpinService, startPushpinService } from '../test/support/pushpin-service.ts';

let service: PushpinService;
let redisUrl = '';
const closing: (() => Promise<unknown>)[] = [];
beforeAll(async () => {
  const redis = await startRedis();
  service = await startPushpinService();
  redisUrl = redis.url;
  closing.push(
    () => redis.close(),
    () => service.close(),
  );
});
afterAll(() => Promise.all(closing.map((close) => close())));

interface OpenedLog {
  readonly log: RunLog;
  dispose(): Promise<void>;
}

/** Opens a log on data of its own, by their name. */
const logs: Record<'redis' | 'sqlite', (name: string) => Promise<OpenedLog>> = {
  async redis(name) {
    const client = createClient({ url: redisUrl });
    await client.on('error', () => {}).connect();
    const log = redisLog({ client, keyPrefix: `${name}:` });
    return {
      log,
      async dispose() {
        await log.close();
        client.destroy();
      },
    };
  },
  async sqlite(name) {
    const log = sqliteLog({ path: join(folder, `${name}.db`) });
    return { log, dispose: async () => log.close() };
  },
};
let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fanout-'));
  closing.push(() => rm(folder, { recursive: true, force: true }));
});

for (const name of ['redis', 'sqlite'] as const) {
  const createLog = () => logs[name](crypto.randomUUID());
  for (const carrier of ['stream', 'websocket'] as const) {
    describeTransportContract(contractOver(carrier, () => service, { name: `${name}Log`, createLog }));
  }
}
