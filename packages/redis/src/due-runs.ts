import { ChatTransportError, endOf, isExpired, type RunKey, type RunRecord } from '@chat-transport/core/provider';
import type { LogContext, Outcome } from './log-context.ts';
import { script } from './script-runner.ts';
import { listDue, markDue, setDue } from './scripts/due-scripts.ts';

const mark = script(markDue);
const list = script(listDue);
const set = script(setDue);

/** How long a run may take to begin after it was noted, in milliseconds. Far above a call's time. */
const beginsWithinMs = 60_000;

/**
 * The runs of all chats that somebody must look at, and when: when the lease of a run that was active ends, at once when it is over, when a claim to finish
 * it ends. In a cluster this is in another slot than the chats, so it is no part of their transactions: it says what to look at, and the run says what is so.
 */
export interface DueRuns {
  /** A run is about to begin. Noted before it does, so that none is forgotten. */
  begins(key: RunKey, leaseMs: number): Promise<unknown>;
  /** A noted run is to be looked at in `delayMs`. */
  dueIn(key: RunKey, delayMs: number): Promise<unknown>;
  /** Runs that are over and that nobody finishes; at most `limit`, first ended first. */
  unfinished(limit: number): Promise<readonly RunRecord[]>;
}

export function createDueRuns(context: LogContext): DueRuns {
  const { ask, keys, outcome, retentionMs } = context;
  const memberOf = ({ chatId, runId }: RunKey): string => `${chatId} ${runId}`;

  /** When to look at a run again; `0` when it is unfinished now, nothing when never. */
  const nextLook = ({ now, row, finishedUntil }: Outcome): number | undefined => {
    if (isExpired(row, now, retentionMs)) return;
    if (!endOf(row, now)) return row.leaseUntil;
    return finishedUntil > now ? finishedUntil : 0;
  };

  /** Looks at one; answers it if it is unfinished, and whether it stays where it is. */
  const check = async (member: string, score: number, now: number): Promise<{ stays: boolean; found?: Outcome }> => {
    const [chatId = '', runId = ''] = member.split(' ');
    const found = await outcome({ chatId, runId }).catch((error: unknown) => {
      if (ChatTransportError.isInstance(error) && error.code === 'not-found') return;
      throw error;
    });
    if (!found && score > now - beginsWithinMs) return { stays: true };
    const next = found && nextLook(found);
    if (found && next === 0) return { stays: true, found };
    await ask(set, keys.due, member, next ?? '');
    return { stays: false };
  };

  return {
    begins: (key, leaseMs) => ask(mark, keys.due, memberOf(key), leaseMs, 'NX'),
    dueIn: (key, delayMs) => ask(mark, keys.due, memberOf(key), delayMs, 'XX'),
    async unfinished(limit) {
      const outcomes: Outcome[] = [];
      for (let skip = 0; outcomes.length < limit; ) {
        const [now, due] = await ask<readonly [number, readonly string[]]>(list, keys.due, skip, limit);
        const members = due.filter((_, index) => index % 2 === 0);
        const checked = await Promise.all(
          members.map((member, index) => check(member, Number(due[index * 2 + 1]), now)),
        );
        for (const { found } of checked) if (found && outcomes.length < limit) outcomes.push(found);
        skip += checked.filter(({ stays }) => stays).length;
        if (members.length < limit) break;
      }
      const endedAt = ({ row, now }: Outcome): number => endOf(row, now)?.at ?? 0;
      return outcomes.sort((a, b) => endedAt(a) - endedAt(b) || a.row.turn - b.row.turn).map(({ record }) => record);
    },
  };
}
