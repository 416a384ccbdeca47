// The example on this machine alone: Pusher's protocol by soketi, Redis where `redis-server` is installed, and Next.js on PORT (3000).
import { startRedis, startSoketi } from '@chat-transport/local-services';
import { startNext } from './next-server.ts';

const [soketi, redis] = await Promise.all([startSoketi(), startRedis().catch(() => undefined)]);
const [app] = soketi.apps;
if (!app) throw new Error('soketi has no app.');
const next = await startNext({
  ...{ port: Number(process.env.PORT ?? 3000), app, pusherPort: soketi.port },
  redisUrl: redis?.url,
});
console.log(`${next.url}  (chats are kept in ${redis ? 'Redis' : 'this process: redis-server is not installed'})`);

const end = async (): Promise<void> => {
  await Promise.all([next.close(), soketi.close(), redis?.close()]);
  process.exit();
};
process.once('SIGINT', end);
process.once('SIGTERM', end);
