import { parentPort, workerData } from 'node:worker_threads';
import { installMutant } from './install-mutant.ts';
import type { WorkerInput } from './run-many.ts';

const { mutant, edition } = workerData as WorkerInput;
// Before core is loaded.
if (mutant) installMutant(mutant);
const { runSeed } = await import('./run-seed.ts');
// Many errors are made and thrown away: aborts are part of the story.
Error.stackTraceLimit = 0;

parentPort?.on('message', async ({ first, count }: { first: number; count: number }) => {
  const results = [];
  for (let seed = first; seed < first + count; seed++)
    results.push({ ...(await runSeed(seed, { edition })), trace: [] });
  parentPort?.postMessage(results);
});
