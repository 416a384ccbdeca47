import { dirname } from 'node:path';
import { type NextServer, startNext } from '@chat-transport/example-support/next-server';

/** The built example on `port`, behind a GRIP proxy, and with Redis where there is one. */
export function startExample(options: {
  readonly port: number;
  readonly gripUrl: string;
  /** Where pages find the proxy, when they are not behind it themselves. */
  readonly proxyUrl?: string;
  readonly redisUrl: string | undefined;
}): Promise<NextServer> {
  const { port, gripUrl, proxyUrl, redisUrl } = options;
  return startNext({
    folder: dirname(import.meta.dirname),
    port,
    env: {
      GRIP_URL: gripUrl,
      PROXY_URL: proxyUrl,
      // The same in all processes, for this machine alone.
      CHAT_SECRET: 'no secret: for this machine alone',
      REDIS_URL: redisUrl,
    },
  });
}
