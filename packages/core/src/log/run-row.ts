import type { EndReason, RunStart } from '../wire/frame.ts';
import type { RunKey, RunRecord } from './run-log.ts';

/** A run as a store keeps it, without its start and frames. Times are milliseconds of the log's clock. */
export interface RunRow extends RunKey {
  readonly turn: number;
  readonly digest: string;
  readonly joinKey: string | undefined;
  /** What the run's one writer must show. */
  readonly fence: string;
  /** Which of its writers that is, from 1. */
  readonly attempt: number;
  readonly leaseMs: number;
  readonly leaseUntil: number;
  /** How long behind `leaseUntil` another writer may take the run over. 0: not at all. */
  readonly takeOverMs: number;
  /** The number of offsets in the log. */
  readonly next: number;
  readonly end: RunEnd | undefined;
  /** The ids of the cancels that ended this run: each of them was delivered. */
  readonly cancelIds: readonly string[];
}

/** The fence of a run whose writer has given it up: nobody's. */
export const releasedFence = 'released';

/** Why and when a run ended. */
export interface RunEnd {
  readonly reason: EndReason;
  readonly at: number;
}

/** The run's end, if it is over: what is recorded, else `lost` from the moment when no other writer may take it over any more. */
export function endOf(row: RunRow, now: number): RunEnd | undefined {
  if (row.end) return row.end;
  const lostAt = row.leaseUntil + row.takeOverMs;
  return now >= lostAt ? { reason: 'lost', at: lostAt } : undefined;
}

/** Whether the run is not over, and has no writer. */
function isInterrupted(row: RunRow, now: number): boolean {
  return now >= row.leaseUntil && !endOf(row, now);
}

/** When time alone changes an active run next: its lease ends, or then the time for another writer. */
export function nextChangeAt({ leaseUntil, takeOverMs }: RunRow, now: number): number {
  return now < leaseUntil ? leaseUntil : leaseUntil + takeOverMs;
}

/** Whether the run is past its retention: it ended at least `retentionMs` ago. */
export function isExpired(row: RunRow, now: number, retentionMs: number): boolean {
  const end = endOf(row, now);
  return end !== undefined && now - end.at >= retentionMs;
}

/** The record that callers see. `start` is absent once the run is past its retention. */
export function toRecord(row: RunRow, start: RunStart | undefined, now: number): RunRecord {
  const { chatId, runId, turn, attempt, next } = row;
  const record = { chatId, runId, turn, start: start ?? deletedStart, attempt, next };
  const end = endOf(row, now);
  if (end) return { ...record, end: { reason: end.reason }, endedAgoMs: Math.max(0, now - end.at) };
  return isInterrupted(row, now) ? { ...record, interrupted: true } : record;
}

/** What is shown of a start that is past its retention. */
const deletedStart: RunStart = { trigger: 'submit-message', from: '', messageId: '', before: null, tail: [] };
