import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './free-port.ts';
import { type LocalProcess, startProcess } from './local-process.ts';

/** How to start a `redis-server`. */
export interface RedisOptions {
  /** More of its command line: `['--maxmemory', '10mb']`. */
  readonly parameters?: readonly string[];
}

/** A `redis-server` of its own, with its append-only file in a folder of its own. */
export interface RedisServer extends LocalProcess {
  readonly url: string;
  /** Kills it and deletes its files. */
  close(): Promise<void>;
}

/** Starts Debian's `redis-server` (`apt-get install redis-server`) on a free port. A machine without it fails here. */
export async function startRedis({ parameters = [] }: RedisOptions = {}): Promise<RedisServer> {
  const folder = await mkdtemp(join(tmpdir(), 'redis-'));
  const port = await freePort();
  const settings = ['--port', `${port}`, '--bind', '127.0.0.1', '--dir', folder, '--save', ''];
  // Its default, `everysec`, acknowledges what it has not written while an fsync is under way: a kill may lose it.
  settings.push('--appendonly', 'yes', '--appendfsync', 'always');
  const server = await startProcess({
    command: 'redis-server',
    parameters: [...settings, ...parameters],
    port,
    // Not `-LOADING`, which it says while it reads its file.
    probe: { say: 'PING\r\n', hear: '+PONG' },
  });
  return {
    ...server,
    url: `redis://127.0.0.1:${port}`,
    async close() {
      await server.kill();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
