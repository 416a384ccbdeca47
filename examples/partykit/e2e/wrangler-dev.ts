import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { freePort } from '@chat-transport/local-services';

const folder = resolve(import.meta.dirname, '..');
const startTimeoutMs = 50_000;

/** `wrangler dev` with its workerd, on a free port and storage of its own. */
export interface WranglerDev {
  readonly url: string;
  /** Ends it as a crash does, and starts it again on the same port and storage. */
  restart(): Promise<void>;
  close(): Promise<void>;
}

export async function startWrangler(): Promise<WranglerDev> {
  const storage = await mkdtemp(join(tmpdir(), 'partykit-example-'));
  const port = await freePort();
  let child = await start(port, storage);
  const kill = async (): Promise<void> => {
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    // The whole group: workerd is a grandchild.
    process.kill(-child.pid, 'SIGKILL');
    await once(child, 'close');
  };
  return {
    url: `http://127.0.0.1:${port}`,
    async restart() {
      await kill();
      child = await start(port, storage);
    },
    async close() {
      await kill();
      await rm(storage, { recursive: true, force: true });
    },
  };
}

/** Resolves when it says that it is ready. */
async function start(port: number, storage: string): Promise<ChildProcess> {
  const options = ['dev', '--port', String(port), '--persist-to', storage, '--show-interactive-dev-session=false'];
  const child = spawn(process.execPath, ['node_modules/wrangler/bin/wrangler.js', ...options], {
    cwd: folder,
    detached: true,
    env: {
      ...process.env,
      CI: 'true',
      CLOUDFLARE_CF_FETCH_ENABLED: 'false',
      WRANGLER_BUILD_CONDITIONS: '@chat-transport/source,workerd,worker,browser',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  await new Promise<void>((done, failed) => {
    const fail = (): void => failed(new Error(`wrangler did not start. It said: ${output}`));
    const timer = setTimeout(fail, startTimeoutMs);
    const onData = (bytes: Buffer): void => {
      output += bytes;
      if (!output.includes('Ready on')) return;
      clearTimeout(timer);
      done();
    };
    child.stdout.on('data', onData);
    child.stderr.on('data', onData);
    child.once('close', fail);
  });
  return child;
}
