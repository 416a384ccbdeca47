import type { WriterChange } from './log-store.ts';
import type { TakeOverRequest } from './run-log.ts';
import { endOf, type RunRow } from './run-row.ts';

/** What `takeOver` does. `writer` is the run's new writer: the caller, also where its first answer was lost. */
export type TakeOverDecision =
  | { readonly type: 'taken-over'; readonly writer: WriterChange }
  | { readonly type: 'alive' | 'taken' | 'ended' | 'exhausted' };

/**
 * Decides `RunLog.takeOver`. Pure: the log reads the row and writes the outcome in one transaction. The budget is absolute: what a run has written
 * since does not count as progress.
 */
export function decideTakeOver(row: RunRow, request: TakeOverRequest, now: number): TakeOverDecision {
  const { ifAttempt, fence, max } = request;
  if (endOf(row, now)) return { type: 'ended' };
  const isAgain = row.fence === fence && row.attempt === ifAttempt + 1;
  if (row.attempt !== ifAttempt && !isAgain) return { type: 'taken' };
  if (now < row.leaseUntil && !isAgain) return { type: 'alive' };
  // Its answer came too late: the lease that it was given is over.
  if (now >= row.leaseUntil && isAgain) return { type: 'taken' };
  if (!isAgain && row.attempt > max) return { type: 'exhausted' };
  const writer = { runId: row.runId, fence, attempt: ifAttempt + 1, leaseUntil: now + row.leaseMs };
  return { type: 'taken-over', writer };
}
