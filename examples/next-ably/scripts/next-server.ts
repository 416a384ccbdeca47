import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { type AblyEmulator, startProcess } from '@chat-transport/local-services';

const folder = dirname(import.meta.dirname);
const next = createRequire(import.meta.url).resolve('next/dist/bin/next');

export interface NextServer {
  readonly url: string;
  /** Ends it as the kernel would (SIGKILL). */
  kill(): Promise<void>;
  start(): Promise<void>;
  close(): Promise<void>;
}

/** `next start` of the built example, with its services on this machine. */
export async function startNext(options: {
  readonly port: number;
  readonly emulator: AblyEmulator;
  readonly redisUrl: string | undefined;
}): Promise<NextServer> {
  const { port, emulator, redisUrl } = options;
  const server = await startProcess({
    ...{ command: process.execPath, parameters: [next, 'start', '-p', `${port}`, '-H', '127.0.0.1'], folder, port },
    probe: { say: 'GET /robots.txt HTTP/1.1\r\nhost: localhost\r\n\r\n', hear: 'HTTP/1.1 ' },
    env: {
      ...{ ABLY_API_KEY: emulator.keys[0] ?? '', ABLY_ENDPOINT: '127.0.0.1', ABLY_PORT: `${emulator.port}` },
      NEXT_TELEMETRY_DISABLED: '1',
      ...(redisUrl && { REDIS_URL: redisUrl }),
    },
  });
  return { ...server, url: `http://127.0.0.1:${port}`, close: server.kill };
}
