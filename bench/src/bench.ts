import { ServerProcess } from './client/server-process.ts';
import type { Results } from './results.ts';
import type { ContestantName } from './server/contestant.ts';

/** What a measure works with. */
export class Bench {
  readonly rounds: number;
  readonly results: Results;
  readonly #servers = new Map<ContestantName, ServerProcess>();

  constructor(options: { readonly rounds: number; readonly results: Results }) {
    this.rounds = options.rounds;
    this.results = options.results;
  }

  /** The contestant's server; measures that ask for the same one share it. */
  async server(name: ContestantName): Promise<ServerProcess> {
    const server = this.#servers.get(name) ?? (await ServerProcess.start(name));
    this.#servers.set(name, server);
    return server;
  }

  /**
   * Runs `work` for each contestant in turn, `rounds` times, each round beginning with another one: what changes on the machine
   * meanwhile meets all of them. Round 0 is the warm-up, whose numbers do not count.
   */
  async interleave(
    names: readonly ContestantName[],
    work: (server: ServerProcess, round: number) => Promise<void>,
    { rounds = this.rounds }: { readonly rounds?: number } = {},
  ): Promise<void> {
    for (let round = 0; round <= rounds; round += 1) {
      for (let turn = 0; turn < names.length; turn += 1) {
        const name = names[(turn + round) % names.length] as ContestantName;
        await work(await this.server(name), round);
      }
    }
  }

  /** Stops the servers of a measure that nobody else shares. */
  async stop(names: readonly ContestantName[]): Promise<void> {
    for (const name of names) {
      await this.#servers.get(name)?.stop();
      this.#servers.delete(name);
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.#servers.values()].map((server) => server.stop()));
  }
}
