import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** What one process is to do. */
export interface BeginTask {
  readonly url: string;
  readonly chatId: string;
  readonly name: string;
  /** How many clients it has. */
  readonly clients: number;
  /** How many runs each of them begins. */
  readonly begins: number;
}

/** What one process did. */
export interface BeginReport {
  readonly turns: number[];
  /** Of each begin, in milliseconds. */
  readonly tookMs: number[];
  /** Of each begin. */
  readonly statements: number[];
  /** Begins that were given up or refused, and why. */
  readonly failures: string[];
}

/** All of them together. */
export interface Contention extends BeginReport {
  readonly seconds: number;
}

/** Clients in some processes that all begin runs on one chat at the same time, as fast as they can. */
export async function contend(task: {
  readonly url: string;
  readonly chatId: string;
  readonly processes: number;
  /** Of each process. */
  readonly clients: number;
  /** Of each client. */
  readonly begins: number;
}): Promise<Contention> {
  const { processes, ...each } = task;
  const children: ChildProcess[] = [];
  try {
    for (let index = 0; index < processes; index += 1) {
      const parameters = JSON.stringify({ ...each, name: `p${index}` } satisfies BeginTask);
      const child = fork(fileURLToPath(new URL('begin-process.ts', import.meta.url)), [parameters], {
        execPath: process.execPath,
        execArgv: ['--conditions=@chat-transport/source', '--disable-warning=ExperimentalWarning'],
      });
      children.push(child);
    }
    await Promise.all(children.map((child) => messageOf(child)));
    const startedAt = performance.now();
    const reports = children.map(async (child) => (await messageOf(child)) as BeginReport);
    for (const child of children) child.send('go');
    const all = await Promise.all(reports);
    return {
      seconds: (performance.now() - startedAt) / 1000,
      turns: all.flatMap(({ turns }) => turns),
      tookMs: all.flatMap(({ tookMs }) => tookMs),
      statements: all.flatMap(({ statements }) => statements),
      failures: all.flatMap(({ failures }) => failures),
    };
  } finally {
    for (const child of children) child.kill('SIGKILL');
  }
}

/** The next message of a process. @throws Error when it exits instead. */
async function messageOf(child: ChildProcess): Promise<unknown> {
  const controller = new AbortController();
  const { signal } = controller;
  try {
    return await Promise.race([
      once(child, 'message', { signal }).then(([message]) => message),
      once(child, 'exit', { signal }).then(([code]) => {
        throw new Error(`A process exited with ${code} before it reported.`);
      }),
    ]);
  } finally {
    controller.abort();
  }
}
