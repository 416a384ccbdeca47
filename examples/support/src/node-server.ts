import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, startProcess } from '@chat-transport/local-services';
import type { RunningExample } from './two-devices.ts';

/** A Node server of an example, on a free port, with a log of its own. */
export async function startNodeServer(options: {
  /** The server's file. */
  readonly file: string;
  /** The folder of the built page. */
  readonly page: string;
}): Promise<RunningExample & { readonly port: number }> {
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), 'chat-example-'));
  const server = await startProcess({
    command: process.execPath,
    parameters: ['--conditions=@chat-transport/source', '--disable-warning=ExperimentalWarning', options.file],
    port,
    env: { PORT: `${port}`, PAGE: options.page, CHATS: join(folder, 'chats.sqlite') },
    probe: { say: 'GET /robots.txt HTTP/1.1\r\nhost: localhost\r\n\r\n', hear: 'HTTP/1.1 ' },
  });
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    async close() {
      await server.kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
