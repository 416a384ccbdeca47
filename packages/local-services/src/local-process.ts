import { type ChildProcess, spawn } from 'node:child_process';
import { connect } from 'node:net';
import { killMarked, signalMarked } from './marked-processes.ts';

const startTimeoutMs = 50_000;

/** A server of this machine that can be killed and started again. */
export interface LocalProcess {
  readonly port: number;
  /** Ends it as the kernel would (SIGKILL), and waits until it is gone. Idempotent. */
  kill(): Promise<void>;
  /** Starts it again on the same port. */
  start(): Promise<void>;
}

/** What starts. */
export interface LocalProgram {
  readonly command: string;
  readonly parameters: readonly string[];
  readonly port: number;
  /** Added to this process's environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Where it runs. @default the folder of this process */
  readonly folder?: string;
  /** The user that runs it. @default the user of this process */
  readonly uid?: number;
  readonly gid?: number;
  /**
   * What the command lines of this program and of all processes that it starts contain, and no others: they are killed together, also those in
   * process groups of their own. @default it starts no processes
   */
  readonly mark?: string;
  /** What is said to its port, and how its answer begins once it works. */
  readonly probe: { readonly say: string; readonly hear: string };
}

/** Starts a program and waits until its port answers. Says what the program printed where it does not. */
export async function startProcess(program: LocalProgram): Promise<LocalProcess> {
  const { command, parameters, port, probe, folder, env, uid, gid, mark } = program;
  let child: ChildProcess | undefined;
  let gone: Promise<unknown> = Promise.resolve();
  const onExit = (): void => {
    child?.kill('SIGKILL');
    if (mark !== undefined) signalMarked(mark);
  };

  const kill = async (): Promise<void> => {
    child?.kill('SIGKILL');
    if (mark !== undefined) await killMarked(mark);
    await gone;
  };
  const start = async (): Promise<void> => {
    await kill();
    const started = spawn(command, parameters, {
      ...(folder !== undefined && { cwd: folder }),
      ...(uid !== undefined && { uid }),
      ...(gid !== undefined && { gid }),
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    child = started;
    let output = '';
    let isOver = false;
    for (const stream of [started.stdout, started.stderr]) {
      stream.on('data', (bytes: Buffer) => {
        output = (output + bytes).slice(-10_000);
      });
    }
    process.once('exit', onExit);
    gone = new Promise<void>((resolve) => {
      const over = (error?: unknown): void => {
        isOver = true;
        if (error instanceof Error) output += error.message;
        process.off('exit', onExit);
        resolve();
      };
      started.once('error', over).once('close', () => over());
    });
    const deadline = performance.now() + startTimeoutMs;
    while (!(await answers(port, probe))) {
      if (isOver || performance.now() > deadline) {
        await kill();
        throw new Error(`${command} does not listen on port ${port}. Its output: ${output || 'nothing'}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  };
  await start();
  return { port, kill, start };
}

function answers(port: number, { say, hear }: LocalProgram['probe']): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(say));
    const settle = (works: boolean): void => {
      socket.destroy();
      resolve(works);
    };
    socket.once('data', (bytes) => settle(bytes.toString().startsWith(hear)));
    socket.once('error', () => settle(false)).once('close', () => settle(false));
    socket.setTimeout(1_000, () => settle(false));
  });
}
