import type { RunInit } from './run-log.ts';
import { endOf, isExpired, type RunRow } from './run-row.ts';

/** What a log knows when a run wants to begin. */
export interface BeginFacts {
  readonly now: number;
  readonly retentionMs: number;
  /** The chat's turn: the newest run's, also after that run was deleted. */
  readonly turn: number;
  /** The run with this very key. */
  readonly known: RunRow | undefined;
  /** The chat's newest run: the only one that can be active. */
  readonly newest: RunRow | undefined;
  /** The ids of the cancels that wait for this run. */
  readonly parkedCancels: readonly string[];
}

/**
 * What `begin` does. `row` of `begin` is the new run, already ended when a parked cancel met it; `again` is the same call once more, whose first
 * answer may have been lost.
 */
export type BeginDecision =
  | { readonly type: 'again'; readonly row: RunRow }
  | { readonly type: 'exists'; readonly row: RunRow }
  | { readonly type: 'conflict' }
  | { readonly type: 'busy'; readonly row: RunRow }
  | { readonly type: 'stale'; readonly turn: number }
  | { readonly type: 'begin'; readonly row: RunRow };

/** Decides `RunLog.begin`, in the order that `Begun` states. Pure: the log reads the facts and writes the outcome in one transaction. */
export function decideBegin(init: RunInit, facts: BeginFacts): BeginDecision {
  const { known, newest, now, turn } = facts;
  if (known && known.digest !== init.digest) return { type: 'conflict' };
  if (known) return { type: isSameCall(init, known, now) ? 'again' : 'exists', row: known };
  if (newest && mayJoin(init, newest, facts)) return { type: 'exists', row: newest };

  if (newest && !endOf(newest, now)) return { type: 'busy', row: newest };
  if (init.baseTurn !== undefined && init.baseTurn < turn) return { type: 'stale', turn };

  const cancelled = facts.parkedCancels.length > 0;
  return {
    type: 'begin',
    row: {
      chatId: init.chatId,
      runId: init.runId,
      turn: turn + 1,
      digest: init.digest,
      joinKey: init.joinKey,
      fence: init.fence,
      attempt: 1,
      leaseMs: init.leaseMs,
      leaseUntil: now + init.leaseMs,
      takeOverMs: init.takeOverMs ?? 0,
      next: 0,
      end: cancelled ? { reason: 'cancel', at: now } : undefined,
      cancelIds: facts.parkedCancels,
    },
  };
}

// Only while nothing but a cancel has happened: a writer that has appended has had its answer.
function isSameCall(init: RunInit, known: RunRow, now: number): boolean {
  const reason = endOf(known, now)?.reason;
  return known.fence === init.fence && known.next === 0 && (reason === undefined || reason === 'cancel');
}

// A run that failed is not joined: the same request, sent again, is then the user's retry.
function mayJoin(init: RunInit, newest: RunRow, facts: BeginFacts): boolean {
  if (init.joinKey === undefined || newest.joinKey !== init.joinKey) return false;
  if (isExpired(newest, facts.now, facts.retentionMs)) return false;
  const reason = endOf(newest, facts.now)?.reason;
  return reason !== 'lost' && reason !== 'error';
}
