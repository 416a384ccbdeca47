import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { RunLog } from '@chat-transport/core/provider';
import type { Ask, Tell } from './log-process.ts';

/** A log in another process. */
export interface SpawnedLog {
  /** Its methods, each called over there. */
  readonly log: Pick<RunLog, 'begin' | 'append' | 'end' | 'read' | 'state' | 'command' | 'settle' | 'waitForCommand'>;
  /** Appends until the process is killed; tells each acknowledged `next`. */
  flood(run: { chatId: string; runId: string }, fence: string, onAck: (next: number) => void): void;
  /** Kills it as the kernel would (SIGKILL), and waits until it is gone. */
  kill(): Promise<void>;
}

/** Starts a process with its own log on a file. */
export function spawnLog(path: string): SpawnedLog {
  const child: ChildProcess = fork(fileURLToPath(new URL('log-process.ts', import.meta.url)), [path], {
    execPath: process.execPath,
    execArgv: ['--conditions=@chat-transport/source', '--disable-warning=ExperimentalWarning'],
  });
  const open = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  const exited = once(child, 'exit');
  let onAcked: (next: number) => void = () => {};
  child.on('message', (message: Tell) => {
    if ('acked' in message) return onAcked(message.acked);
    const call = open.get(message.id);
    if (message.error) call?.reject(new Error(message.error));
    else call?.resolve(message.result);
  });
  child.on('exit', (code) => {
    for (const call of open.values()) call.reject(new Error(`The log's process ended (${code}).`));
  });
  const ask = (method: string, args: readonly unknown[]): Promise<unknown> =>
    new Promise((resolve, reject) => {
      const message: Ask = { id: open.size, method, args };
      open.set(message.id, { resolve, reject });
      child.send(message);
    });
  return {
    log: new Proxy({} as SpawnedLog['log'], {
      get:
        (_, method: string) =>
        (...args: readonly unknown[]) =>
          ask(method, args),
    }),
    flood(run, fence, onAck) {
      onAcked = onAck;
      ask('flood', [run, fence]).catch(() => {});
    },
    async kill() {
      child.kill('SIGKILL');
      await exited;
    },
  };
}
