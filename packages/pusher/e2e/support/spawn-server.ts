import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { type PusherApp, until } from '@chat-transport/local-services';
import { onTestFinished } from 'vitest';

/** What a server process needs. */
export interface Setup {
  readonly redisUrl: string;
  readonly app: PusherApp;
  /** The port of Pusher's HTTP API. */
  readonly apiPort: number;
  /** How long a writer that is not heard of keeps its run, in milliseconds. */
  readonly leaseMs: number;
}

/** What a server process tells. */
export type Tell =
  | { readonly type: 'ready'; readonly api: string }
  | { readonly type: 'called' | 'steered' | 'aborted' };

/** A server process of its own. */
export interface ServerProcess {
  readonly api: string;
  readonly told: readonly Tell['type'][];
  /** Its model says this; `null`: it is finished. */
  say(words: string | null): void;
  /** Ends it as the kernel would (SIGKILL), and waits until it is gone. */
  kill(): Promise<void>;
}

export async function spawnServer(setup: Setup): Promise<ServerProcess> {
  const child = fork(fileURLToPath(new URL('server-process.ts', import.meta.url)), [JSON.stringify(setup)], {
    execPath: process.execPath,
    execArgv: ['--conditions=@chat-transport/source', '--disable-warning=ExperimentalWarning'],
  });
  const gone = once(child, 'exit');
  const told: Tell['type'][] = [];
  let api = '';
  child.on('message', (message: Tell) => {
    told.push(message.type);
    if (message.type === 'ready') api = message.api;
  });
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL');
    await gone;
  };
  onTestFinished(kill);
  await until('a server process', () => api, undefined, 50_000);
  return { api, told, say: (words) => void child.send(words as string), kill };
}
