// The example on this machine alone: Pusher's protocol by soketi, Redis where `redis-server` is installed, and Next.js on PORT (3000).
import { randomBytes } from 'node:crypto';
import { runLocally } from '@chat-transport/example-support/run-locally';
import { startRedis, startSoketi } from '@chat-transport/local-services';
import { startExample } from './next-server.ts';

await runLocally(async (port) => {
  const [soketi, redis] = await Promise.all([startSoketi(), startRedis().catch(() => undefined)]);
  const { url, close } = await startExample({
    ...{ port, soketi, redisUrl: redis?.url },
    continueSecret: randomBytes(32).toString('hex'),
  });
  return {
    url,
    note: `chats are kept in ${redis ? 'Redis' : 'this process: redis-server is not installed'}`,
    close: () => Promise.all([close(), soketi.close(), redis?.close()]),
  };
});
