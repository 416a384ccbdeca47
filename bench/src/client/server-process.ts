import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { CommandAnswer, CommandRequest, Commands, Method } from '../server/commands.ts';
import type { ContestantName } from '../server/contestant.ts';

type Answer<M extends Method> = Awaited<ReturnType<Commands[M]>>;

/** A contestant's server in its own process. */
export class ServerProcess {
  readonly name: ContestantName;
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, (answer: CommandAnswer) => void>();
  #ports: readonly number[] = [];
  #requests = 0;

  private constructor(name: ContestantName, child: ChildProcess) {
    this.name = name;
    this.#child = child;
    child.on('message', (answer: CommandAnswer) => {
      if ('id' in answer) this.#waiting.get(answer.id)?.(answer);
    });
  }

  static async start(name: ContestantName): Promise<ServerProcess> {
    const child = fork(fileURLToPath(new URL('../server/main.ts', import.meta.url)), [name], {
      execArgv: [...process.execArgv.filter((argument) => !argument.startsWith('--cpu-prof')), '--expose-gc'],
      serialization: 'advanced',
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    const server = new ServerProcess(name, child);
    server.#ports = await new Promise((resolve, reject) => {
      child.once('message', (answer: CommandAnswer) => resolve('ports' in answer ? answer.ports : []));
      child.once('exit', (code) => reject(new Error(`The server ${name} ended with code ${code} as it started.`)));
    });
    return server;
  }

  /** The address where senders connect. */
  get origin(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get port(): number {
    return this.#ports[0] ?? 0;
  }

  /** The port for watching devices: the same server, so that their bytes are counted apart. */
  get watchersPort(): number {
    return this.#ports[1] ?? this.port;
  }

  ask<M extends Method>(method: M, ...given: Parameters<Commands[M]>): Promise<Answer<M>> {
    this.#requests += 1;
    const request: CommandRequest = { id: this.#requests, method, arguments: given };
    return new Promise((resolve, reject) => {
      this.#waiting.set(request.id, (answer) => {
        this.#waiting.delete(request.id);
        if ('value' in answer) resolve(answer.value as Answer<M>);
        else reject(new Error(`${this.name}: ${'error' in answer ? answer.error : 'no answer'}`));
      });
      this.#child.send(request);
    });
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.disconnect();
    await ended;
  }
}
