import { describeRunLogContract } from '@chat-transport/contract';
import { type RedisServer, startRedis } from '@chat-transport/local-services';
import { createClient } from 'redis';
import { afterAll, beforeAll } from 'vitest';
import { createHarness, type OpenClient } from './support/harness.ts';

let server: RedisServer;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.close());

async function connect(): Promise<OpenClient> {
  const client = await createClient({ url: server.url })
    .on('error', () => {})
    .connect();
  return { client, close: () => client.close() };
}

const restart = (): Promise<void> => server.start();

describeRunLogContract({
  name: 'redisLog, by the clock of Redis',
  supports: { clock: false, shared: true, durable: true },
  createHarness: () => createHarness({ connect, restart }),
});

describeRunLogContract({
  name: 'redisLog, by a clock that can be moved',
  supports: { clock: true, shared: true, durable: true },
  async createHarness() {
    let ahead = 0;
    const harness = await createHarness({ connect, restart, log: { now: () => Date.now() + ahead } });
    return {
      ...harness,
      async advance(ms) {
        ahead += ms;
      },
    };
  },
});
