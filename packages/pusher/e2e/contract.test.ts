import {
  type CaseLog,
  describeProviderContract,
  describeTransportContract,
  type ProviderContract,
} from '@chat-transport/contract';
import { type RedisServer, startRedis } from '@chat-transport/local-services';
import { redisLog } from '@chat-transport/redis';
import { createClient } from 'redis';
import { afterAll, beforeAll } from 'vitest';
import { pusherSupports as supports } from '../src/server.ts';
import { createHarness } from '../test/support/harness.ts';
import { type PusherService, startPusherService } from '../test/support/pusher-service.ts';

let service: PusherService;
let redis: RedisServer;
beforeAll(async () => {
  [service, redis] = await Promise.all([startPusherService(200), startRedis()]);
});
afterAll(async () => {
  await Promise.all([service.close(), redis.close()]);
});

const contract: ProviderContract = {
  name: 'pusher and redisLog',
  supports,
  createHarness: () => createHarness(service),
  async createLog(): Promise<CaseLog> {
    const client = await createClient({ url: redis.url }).connect();
    const log = redisLog({ client, keyPrefix: `${crypto.randomUUID()}:` });
    return {
      log,
      async dispose() {
        await log.close();
        await client.close();
      },
    };
  },
};

describeProviderContract(contract);
describeTransportContract(contract);
