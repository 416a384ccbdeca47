import { dirname } from 'node:path';
import { type NextServer, startNext } from '@chat-transport/example-support/next-server';
import type { SoketiServer } from '@chat-transport/local-services';

/** The built example on `port`, with a server that speaks Pusher's protocol and with Redis where there is one. */
export function startExample(options: {
  readonly port: number;
  readonly soketi: Pick<SoketiServer, 'apps' | 'port'>;
  readonly redisUrl: string | undefined;
  /** Signs what one function asks the next one: the same for all of them. */
  readonly continueSecret: string;
}): Promise<NextServer> {
  const { port, soketi, redisUrl, continueSecret } = options;
  const [app] = soketi.apps;
  return startNext({
    folder: dirname(import.meta.dirname),
    port,
    env: {
      PUSHER_APP_ID: app?.appId,
      PUSHER_KEY: app?.key,
      PUSHER_SECRET: app?.secret,
      PUSHER_HOST: '127.0.0.1',
      PUSHER_PORT: `${soketi.port}`,
      REDIS_URL: redisUrl,
      CONTINUE_SECRET: continueSecret,
      APP_URL: `http://127.0.0.1:${port}`,
    },
  });
}
