import { describeTransportContract } from '@chat-transport/contract';
import { type RedisServer, startRedis } from '@chat-transport/local-services';
import { redisLog } from '@chat-transport/redis';
import { createClient } from 'redis';
import { afterAll, beforeAll } from 'vitest';
import { contractOver, type PushpinService, startPushpinService } from '../test/support/pushpin-service.ts';

let service: PushpinService;
let redis: RedisServer;
beforeAll(async () => {
  service = await startPushpinService();
  redis = await startRedis();
});
afterAll(async () => {
  await service.close();
  await redis.close();
});

/** Opens a log on data of its own. */
async function createLog() {
  const client = createClient({ url: redis.url });
  await client.on('error', () => {}).connect();
  const log = redisLog({ client, keyPrefix: `${crypto.randomUUID()}:` });
  return {
    log,
    async dispose() {
      await log.close();
      client.destroy();
    },
  };
}

for (const carrier of ['stream', 'websocket'] as const) {
  describeTransportContract(contractOver(carrier, () => service, { name: 'redisLog', createLog }));
}
