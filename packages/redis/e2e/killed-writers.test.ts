import { type RedisServer, startRedis } from '@chat-transport/local-services';
import { createClient } from 'redis';
import { afterAll, beforeAll } from 'vitest';
import { describeKilledWriters } from '../../core/test/server/continuation/killed-writers.ts';
import { redisLog } from '../src/index.ts';

let server: RedisServer;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.close());

describeKilledWriters({
  name: 'redis',
  script: new URL('support/killed-writer.ts', import.meta.url),
  place: () => server.url,
  open: async (url, aheadMs) => {
    const client = await createClient({ url }).connect();
    const log = redisLog({ client, now: () => Date.now() + aheadMs });
    return {
      log,
      async close() {
        await log.close();
        client.destroy();
      },
    };
  },
  // The test of SQLite has each of them.
});
