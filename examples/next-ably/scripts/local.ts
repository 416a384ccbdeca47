// The example on this machine alone: an emulator of Ably, Redis where `redis-server` is installed, and Next.js on PORT (3000).
import { startAblyEmulator, startRedis } from '@chat-transport/local-services';
import { startNext } from './next-server.ts';

const [emulator, redis] = await Promise.all([startAblyEmulator(), startRedis().catch(() => undefined)]);
const next = await startNext({ port: Number(process.env.PORT ?? 3000), emulator, redisUrl: redis?.url });
console.log(`${next.url}  (chats are kept in ${redis ? 'Redis' : 'this process: redis-server is not installed'})`);

const end = async (): Promise<void> => {
  await Promise.all([next.close(), emulator.close(), redis?.close()]);
  process.exit();
};
process.once('SIGINT', end);
process.once('SIGTERM', end);
