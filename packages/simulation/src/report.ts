import { faultKinds } from './faults.ts';
import type { ManyResult } from './run-many.ts';

const median = (sorted: readonly number[]): number => sorted[sorted.length >> 1] ?? 0;

/** The result as one JSON value. */
export function jsonReport(result: ManyResult, trace: readonly string[] | undefined): object {
  const { first, seedsRun, elapsedMs, failed, faults } = result;
  return {
    first,
    seeds: seedsRun,
    failed: failed.map(({ seed, failures }) => ({ seed, failures })),
    seconds: elapsedMs / 1000,
    medianChunksPerRun: median(result.chunksPerRun),
    medianDevices: median(result.devices),
    halfHourSilences: result.silences,
    deliveredSteers: result.steered,
    continuedRuns: result.continued,
    approvals: result.approvals,
    crowds: result.crowds,
    slowUploads: result.uploads,
    faults: Object.fromEntries(
      faultKinds.map((kind) => {
        const { seeds = 0, times = 0 } = faults.get(kind) ?? {};
        return [kind, { times, seeds, share: seedsRun > 0 ? seeds / seedsRun : 0 }];
      }),
    ),
    ...(trace && { trace }),
  };
}

/** The result for a person. */
export function textReport(result: ManyResult, trace: readonly string[] | undefined): string {
  const { first, seedsRun, elapsedMs, failed, faults } = result;
  const lines = faultKinds.map((kind) => {
    const { seeds = 0, times = 0 } = faults.get(kind) ?? {};
    return `  ${kind.padEnd(21)} ${String(times).padStart(8)} times, in ${((100 * seeds) / (seedsRun || 1)).toFixed(1).padStart(4)} % of the seeds`;
  });
  const summary = [
    `${seedsRun} seeds from ${first} in ${(elapsedMs / 1000).toFixed(1)} s. Median: ${median(result.chunksPerRun)} chunks in an answer, ${median(result.devices)} devices. ${result.silences} models were silent for half an hour. ${result.steered} steers were delivered. ${result.continued} times another writer went on. ${result.approvals} approvals were answered. In ${result.crowds} seeds each page showed a hundred chats. ${result.uploads.arrived} slow uploads arrived, ${result.uploads.broken} broke off.`,
    'Faults:',
    ...lines,
    failed.length === 0
      ? 'No failure.'
      : `${failed.length} failed: ${failed
          .slice(0, 20)
          .map(({ seed }) => seed)
          .join(' ')}${failed.length > 20 ? ' …' : ''}`,
  ];
  const [worst] = failed;
  if (!worst) return summary.join('\n');
  return [
    ...(trace ?? []),
    ...worst.failures,
    '',
    ...summary,
    `Above is seed ${worst.seed}. Again: pnpm simulate --trace ${worst.seed}. Keep it in packages/simulation/src/kept-seeds.ts.`,
  ].join('\n');
}
