import { describeRunLogContract } from '@chat-transport/contract';
import { createCluster } from 'redis';
import { afterAll, beforeAll } from 'vitest';
import { createHarness } from './support/harness.ts';
import { type RedisCluster, startCluster } from './support/redis-cluster.ts';

let cluster: RedisCluster;
beforeAll(async () => {
  cluster = await startCluster();
});
afterAll(() => cluster.close());

describeRunLogContract({
  name: 'redisLog on a cluster of three',
  supports: { clock: false, shared: true, durable: false },
  createHarness: () =>
    createHarness({
      async connect() {
        const client = createCluster({ rootNodes: cluster.urls.map((url) => ({ url })) });
        client.on('error', () => {});
        await client.connect();
        return { client, close: () => client.close() };
      },
    }),
});
