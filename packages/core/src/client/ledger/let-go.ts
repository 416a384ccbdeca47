/** How many runs that were let go of are remembered. */
const maxLetGo = 8;

/**
 * A run whose answer this device does not show any more. `undecided`: an abort, which a resume in the same task takes back.
 * `cancelling`: the cancel is on its way. `cancelled`: the server has it. `detached`: the run goes on without this device.
 * `gave-up`: no path was left for long; the next resume is for this run.
 */
export interface LetGo {
  readonly runId: string;
  readonly kind: 'undecided' | 'cancelling' | 'cancelled' | 'detached' | 'gave-up';
}

export type LetGoRuns = readonly LetGo[];

export function letGo(runs: LetGoRuns, run: LetGo): LetGoRuns {
  return [...takenBack(runs, run.runId), run].slice(-maxLetGo);
}

export function takenBack(runs: LetGoRuns, runId: string): LetGoRuns {
  return runs.filter((run) => run.runId !== runId);
}

/** Whether the user stopped, or left, the run on this device. */
export function isLetGo(runs: LetGoRuns, runId: string): boolean {
  return runs.some((run) => run.runId === runId && run.kind !== 'gave-up');
}

/** The run that was given up for want of a path. */
export function gaveUpRun(runs: LetGoRuns): string | undefined {
  return runs.findLast(({ kind }) => kind === 'gave-up')?.runId;
}
