// The example on this machine alone: Pushpin on PORT (3000), in front of Next.js, and Redis where `redis-server` is installed.
import { runLocally } from '@chat-transport/example-support/run-locally';
import { freePort, startPushpin, startRedis } from '@chat-transport/local-services';
import { startExample } from './next-server.ts';

await runLocally(async (httpPort) => {
  const port = await freePort();
  const [pushpin, redis] = await Promise.all([startPushpin(port, { httpPort }), startRedis().catch(() => undefined)]);
  const { close } = await startExample({ port, gripUrl: pushpin.gripUrl, redisUrl: redis?.url });
  return {
    url: `http://127.0.0.1:${httpPort}`,
    note: `chats are kept in ${redis ? 'Redis' : 'this process: redis-server is not installed'}`,
    close: () => Promise.all([close(), pushpin.close(), redis?.close()]),
  };
});
