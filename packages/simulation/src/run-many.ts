import { Worker } from 'node:worker_threads';
import { type Edition, type FaultKind, newestEdition } from './faults.ts';
import type { SeedResult } from './run-seed.ts';

/** How many seeds a worker gets at a time; fewer where the first failure ends the search, since what is broken may be slow. */
const batchSize = 20;
const batchSizeOfMutant = 4;
/** How long a batch with a break of core may take, in real milliseconds. A break that never lets the virtual time go on has been found, too. */
const hangsAfterMs = 60_000;

export interface RunManyOptions {
  readonly first: number;
  readonly seeds: number;
  readonly workers: number;
  /** After how many failing seeds no more are begun. */
  readonly stopAfter: number;
  /** The edition of the stories; default: the newest one. */
  readonly edition?: Edition | undefined;
  /** The break of core to run with. */
  readonly mutant?: string;
  readonly onProgress?: (progress: Progress) => void;
}

export interface Progress {
  readonly seedsRun: number;
  readonly failed: number;
  readonly elapsedMs: number;
}

/** What many seeds came to. */
export interface ManyResult {
  readonly first: number;
  readonly seedsRun: number;
  readonly elapsedMs: number;
  /** The seeds that failed, lowest first. */
  readonly failed: readonly SeedResult[];
  /** By kind: in how many seeds it happened, and how often. */
  readonly faults: ReadonlyMap<FaultKind, { readonly seeds: number; readonly times: number }>;
  /** The number of chunks of each answer, and of devices in each seed, sorted. */
  readonly chunksPerRun: readonly number[];
  readonly devices: readonly number[];
  /** How many models were silent for half an hour. */
  readonly silences: number;
  /** How many steers their users were told to be in an answer. */
  readonly steered: number;
  /** How often another writer went on with a run. */
  readonly continued: number;
  /** How many approvals were answered. */
  readonly approvals: number;
  /** In how many seeds each page showed a hundred chats. */
  readonly crowds: number;
  /** How many slow uploads arrived, and how many broke off. */
  readonly uploads: { readonly arrived: number; readonly broken: number };
}

/** What a worker is told. */
export interface WorkerInput {
  readonly mutant: string | undefined;
  readonly edition: Edition;
}

/** Runs seeds on threads of their own: each has its own globals to replace. */
export async function runMany(options: RunManyOptions): Promise<ManyResult> {
  const { first, seeds, workers, stopAfter, edition = newestEdition, mutant, onProgress } = options;
  const startedAt = performance.now();
  const results: SeedResult[] = [];
  let next = first;
  let failures = 0;
  const work = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const workerData: WorkerInput = { mutant, edition };
      const worker = new Worker(new URL('./worker.ts', import.meta.url), {
        workerData,
        // Also under a test runner: core is loaded from its source.
        execArgv: ['--conditions=@chat-transport/source'],
      });
      let watchdog: ReturnType<typeof setTimeout> | undefined;
      const more = (): void => {
        const count =
          failures >= stopAfter ? 0 : Math.min(mutant ? batchSizeOfMutant : batchSize, first + seeds - next);
        if (count <= 0) return void worker.terminate().then(() => resolve());
        const batch = { first: next, count };
        worker.postMessage(batch);
        next += count;
        if (mutant) watchdog = setTimeout(() => hung(batch), hangsAfterMs);
      };
      const hung = (batch: { readonly first: number }): void => {
        failures++;
        results.push({ ...nothing, seed: batch.first, failures: [`It hangs, from seed ${batch.first} on.`] });
        void worker.terminate().then(() => resolve());
      };
      worker.on('error', reject);
      worker.on('message', (batch: readonly SeedResult[]) => {
        clearTimeout(watchdog);
        results.push(...batch);
        failures += batch.filter((result) => result.failures.length > 0).length;
        onProgress?.({ seedsRun: results.length, failed: failures, elapsedMs: performance.now() - startedAt });
        more();
      });
      more();
    });
  await Promise.all(Array.from({ length: Math.min(workers, Math.ceil(seeds / batchSize)) }, work));
  return summary(first, results, performance.now() - startedAt);
}

const nothing: Omit<SeedResult, 'seed' | 'failures'> = {
  faults: {},
  chunks: 0,
  runs: [],
  devices: 0,
  silences: 0,
  steered: 0,
  continued: 0,
  approvals: 0,
  isCrowded: false,
  uploads: { arrived: 0, broken: 0 },
  virtualMs: 0,
  steps: 0,
  trace: [],
};

function summary(first: number, results: readonly SeedResult[], elapsedMs: number): ManyResult {
  const faults = new Map<FaultKind, { seeds: number; times: number }>();
  for (const result of results) {
    for (const [kind, times] of Object.entries(result.faults) as [FaultKind, number][]) {
      const sum = faults.get(kind) ?? { seeds: 0, times: 0 };
      faults.set(kind, { seeds: sum.seeds + 1, times: sum.times + times });
    }
  }
  const ascending = (one: number, other: number): number => one - other;
  return {
    first,
    seedsRun: results.length,
    elapsedMs,
    failed: results.filter(({ failures }) => failures.length > 0).sort((one, other) => one.seed - other.seed),
    faults,
    chunksPerRun: results.flatMap(({ runs }) => runs).sort(ascending),
    devices: results.map(({ devices }) => devices).sort(ascending),
    silences: results.reduce((sum, { silences }) => sum + silences, 0),
    steered: results.reduce((sum, { steered }) => sum + steered, 0),
    continued: results.reduce((sum, { continued }) => sum + continued, 0),
    approvals: results.reduce((sum, { approvals }) => sum + approvals, 0),
    crowds: results.filter(({ isCrowded }) => isCrowded).length,
    uploads: {
      arrived: results.reduce((sum, { uploads }) => sum + uploads.arrived, 0),
      broken: results.reduce((sum, { uploads }) => sum + uploads.broken, 0),
    },
  };
}
