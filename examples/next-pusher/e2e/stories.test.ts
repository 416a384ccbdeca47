import { describeStories } from '@chat-transport/example-support/stories';
import { startRedis, startSoketi } from '@chat-transport/local-services';
import { startExample } from '../scripts/next-server.ts';

describeStories('the Pusher server', async () => {
  const [soketi, redis] = await Promise.all([startSoketi(), startRedis()]);
  return {
    realtime: soketi,
    startServer: (port) => startExample({ port, soketi, redisUrl: redis.url }),
    close: () => Promise.all([soketi.close(), redis.close()]),
  };
});
