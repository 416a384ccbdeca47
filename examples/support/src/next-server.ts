import { createRequire } from 'node:module';
import { join } from 'node:path';
import { startProcess } from '@chat-transport/local-services';

export interface NextServer {
  readonly url: string;
  /** Ends it as the kernel would (SIGKILL). */
  kill(): Promise<void>;
  start(): Promise<void>;
  close(): Promise<void>;
}

/** `next start` of a built example. */
export async function startNext(options: {
  /** The example's folder. */
  readonly folder: string;
  readonly port: number;
  /** Where its services are. Variables without a value are left out. */
  readonly env: Readonly<Record<string, string | undefined>>;
}): Promise<NextServer> {
  const { folder, port, env } = options;
  const next = createRequire(join(folder, 'package.json')).resolve('next/dist/bin/next');
  const given = Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined);
  const server = await startProcess({
    ...{ command: process.execPath, parameters: [next, 'start', '-p', `${port}`, '-H', '127.0.0.1'], folder, port },
    probe: { say: 'GET /robots.txt HTTP/1.1\r\nhost: localhost\r\n\r\n', hear: 'HTTP/1.1 ' },
    env: { ...Object.fromEntries(given), NEXT_TELEMETRY_DISABLED: '1' },
  });
  return { ...server, url: `http://127.0.0.1:${port}`, close: server.kill };
}
