// The example on this machine alone: an emulator of Ably, Redis where `redis-server` is installed, and Next.js on PORT (3000).
import { runLocally } from '@chat-transport/example-support/run-locally';
import { startAblyEmulator, startRedis } from '@chat-transport/local-services';
import { startExample } from './next-server.ts';

await runLocally(async (port) => {
  const [emulator, redis] = await Promise.all([startAblyEmulator(), startRedis().catch(() => undefined)]);
  const { url, close } = await startExample({ port, emulator, redisUrl: redis?.url });
  return {
    url,
    note: `chats are kept in ${redis ? 'Redis' : 'this process: redis-server is not installed'}`,
    close: () => Promise.all([close(), emulator.close(), redis?.close()]),
  };
});
