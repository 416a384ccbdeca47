import { dirname } from 'node:path';
import { type NextServer, startNext } from '@chat-transport/example-support/next-server';
import type { AblyEmulator } from '@chat-transport/local-services';

/** The built example on `port`, with an emulator of Ably and with Redis where there is one. */
export function startExample(options: {
  readonly port: number;
  readonly emulator: Pick<AblyEmulator, 'keys' | 'port'>;
  readonly redisUrl: string | undefined;
}): Promise<NextServer> {
  const { port, emulator, redisUrl } = options;
  return startNext({
    folder: dirname(import.meta.dirname),
    port,
    env: {
      ABLY_API_KEY: emulator.keys[0],
      ABLY_ENDPOINT: '127.0.0.1',
      ABLY_PORT: `${emulator.port}`,
      REDIS_URL: redisUrl,
    },
  });
}
