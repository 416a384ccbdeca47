import { endOf, type LogStore, type RunKey, type StoredRun } from '@chat-transport/core/provider';
import type { RedisKeys } from './redis-keys.ts';
import type { Ask } from './redis-store.ts';
import { script } from './script-runner.ts';
import { listDue, markDue, setDue } from './scripts/due-scripts.ts';

const mark = script(markDue);
const list = script(listDue);
const set = script(setDue);

/** How long a run may take to begin after it was noted, in milliseconds. Far above a call's time. */
const beginsWithinMs = 60_000;

/** The claims that say that somebody takes care of a run's end. */
export const finishing = 'finish:';

/**
 * The runs of all chats that somebody must look at, and when: when the lease of a run that was active ends, at once
 * when it is over, when a claim to finish it ends. In a cluster this is in another slot than the chats, so it is no
 * part of their transactions: it only names the runs to look at; the rows of the run are the truth.
 */
export interface DueRuns {
  /** A run is about to begin. */
  begins(key: RunKey, leaseMs: number): Promise<unknown>;
  /** A noted run is to be looked at, at this time or at once. */
  lookAt(key: RunKey, time?: number): Promise<unknown>;
  unfinished(limit: number): Promise<{ readonly now: number; readonly runs: readonly StoredRun[] }>;
}

/** What a look at a run comes to: when to look again, nothing for never; with `run`, it is unfinished now. */
interface Checked {
  readonly again?: number | undefined;
  readonly run?: StoredRun;
}

export function createDueRuns(ask: Ask, keys: RedisKeys, facts: LogStore['facts'], retentionMs: number): DueRuns {
  const memberOf = ({ chatId, runId }: RunKey): string => `${chatId} ${runId}`;

  const check = async (member: string, score: number): Promise<Checked> => {
    const [chatId = '', runId = ''] = member.split(' ');
    const { now, run, claim } = await facts(chatId, { run: runId, starts: true, claim: `${finishing}${runId}` });
    if (!run) return score > now - beginsWithinMs ? { again: score } : {};
    const end = endOf(run, now);
    if (!end && now < run.leaseUntil) return { again: run.leaseUntil };
    // It waits for another writer. Without a start it was deleted.
    if (!end) return run.start === undefined ? {} : { again: score, run };
    // Without a start, its contents are past their retention, or deleted with the chat.
    if (run.start === undefined || now - end.at >= retentionMs) return {};
    return claim && claim.until > now ? { again: claim.until } : { again: score, run };
  };

  return {
    begins: (key, leaseMs) => ask(mark, keys.due, memberOf(key), leaseMs, 'NX'),
    lookAt: (key, time) =>
      time === undefined ? ask(mark, keys.due, memberOf(key), 0, 'XX') : ask(set, keys.due, memberOf(key), time),
    async unfinished(limit) {
      const runs: StoredRun[] = [];
      for (let skip = 0; ; ) {
        const [now, due] = await ask<readonly [number, readonly string[]]>(list, keys.due, skip, limit);
        const members = due.filter((_, index) => index % 2 === 0);
        const scores = due.filter((_, index) => index % 2 === 1).map(Number);
        const checked = await Promise.all(members.map((member, index) => check(member, scores[index] ?? 0)));
        for (const [index, { again, run }] of checked.entries()) {
          if (run && runs.length < limit) runs.push(run);
          if (again === scores[index]) skip += 1;
          else await ask(set, keys.due, members[index] ?? '', again ?? '');
        }
        if (runs.length < limit && members.length === limit) continue;
        const endedAt = (run: StoredRun): number => endOf(run, now)?.at ?? run.leaseUntil;
        return { now, runs: runs.sort((a, b) => endedAt(a) - endedAt(b) || a.turn - b.turn) };
      }
    },
  };
}
