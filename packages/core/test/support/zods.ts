import { Worker } from 'node:worker_threads';
import type { UIMessage, UIMessageChunk } from 'ai';

/** The releases of zod that the AI SDK takes, as this package's development dependencies name them: the oldest, and both sides of 4.4. */
export const zods = ['zod-oldest', 'zod-4-1', 'zod'] as const;

/** The AI SDK's schemas under one release of zod. */
export class SchemaWorker {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, (refused: unknown[]) => void>();
  #asked = 0;

  private constructor(worker: Worker) {
    this.#worker = worker;
    worker.on('message', ({ id, refused }) => this.#waiting.get(id)?.(refused));
  }

  static async start(zod: (typeof zods)[number]): Promise<SchemaWorker> {
    const worker = new Worker(new URL('./zod-worker.mjs', import.meta.url), { workerData: { zod }, execArgv: [] });
    await new Promise((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', reject);
    });
    return new SchemaWorker(worker);
  }

  /** The chunks and messages that stock clients and servers refuse. */
  refused(asked: {
    readonly chunks?: readonly UIMessageChunk[];
    readonly messages?: readonly UIMessage[];
  }): Promise<unknown[]> {
    const id = ++this.#asked;
    this.#worker.postMessage({ id, ...JSON.parse(JSON.stringify(asked)) });
    return new Promise((resolve) => this.#waiting.set(id, resolve));
  }

  async stop(): Promise<void> {
    await this.#worker.terminate();
  }
}
