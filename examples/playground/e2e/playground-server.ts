import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { ModelCalls } from '../server/model/model-calls.ts';

const folder = resolve(import.meta.dirname, '..');
const startTimeoutMs = 50_000;

/** The demo's server as a process of its own, on a free port and a fresh database. */
export interface PlaygroundServer {
  readonly url: string;
  modelCalls(chatId: string): Promise<ModelCalls>;
  /** Ends the process as a crash does. */
  kill(): Promise<void>;
  /** Starts it again, on the same port and database. */
  restart(): Promise<void>;
  /** Starts it again, on the same port and with an empty database. */
  loseChats(): Promise<void>;
  close(): Promise<void>;
}

/** Runs `server/main.ts` until it has said where it listens, or has exited. */
export async function runServer(
  env: Record<string, string>,
): Promise<{ child: ChildProcess; url: string; output: string }> {
  const child = spawn(process.execPath, ['--conditions=@chat-transport/source', 'server/main.ts'], {
    cwd: folder,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const url = await new Promise<string>((done, failed) => {
    const timer = setTimeout(() => failed(new Error(`The server did not start. It said: ${output}`)), startTimeoutMs);
    const onData = (bytes: Buffer): void => {
      output += bytes;
      const address = /http:\/\/127\.0\.0\.1:\d+/.exec(output)?.[0];
      if (address) done(address);
    };
    child.stdout.on('data', onData);
    child.stderr.on('data', onData);
    child.once('close', () => done(''));
    child.once('close', () => clearTimeout(timer));
  });
  return { child, url, output };
}

/** @param env Settings of the server beside its port and database. */
export async function startServer(env: Record<string, string> = {}): Promise<PlaygroundServer> {
  const data = await mkdtemp(join(tmpdir(), 'playground-'));
  let database = 0;
  const start = async (port: string): Promise<{ child: ChildProcess; url: string }> => {
    const started = await runServer({ ...env, PORT: port, CHAT_DB: join(data, `chats-${database}.db`) });
    if (started.url === '') throw new Error(`The server ended at once. It said: ${started.output}`);
    return started;
  };
  let { child, url } = await start('0');
  const { port } = new URL(url);

  const kill = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'close');
  };
  const restart = async (): Promise<void> => {
    await kill();
    ({ child, url } = await start(port));
  };
  return {
    url,
    kill,
    restart,
    async modelCalls(chatId) {
      return (await (await fetch(`${url}/debug/model-calls?chat=${chatId}`)).json()) as ModelCalls;
    },
    async loseChats() {
      database += 1;
      await restart();
    },
    async close() {
      await kill();
      await rm(data, { recursive: true, force: true });
    },
  };
}
