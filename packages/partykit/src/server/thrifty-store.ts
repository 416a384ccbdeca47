import type { Facts, RunKey, StoredRun } from '@chat-transport/core/provider';
import type { SqlStore } from '@chat-transport/sqlite/sql';

/**
 * A store that writes one row per frame, for a process that has the database for itself. What an append changes in its
 * run is kept in memory: `next` is in the frames as well, and of the lease only every third is written. After an
 * eviction a lease is therefore up to a third shorter, and writers renew it that often.
 */
export function thriftyStore(store: SqlStore, now: () => number = Date.now): SqlStore {
  /** The run that is written now, newer than its row, and the lease in its row. */
  let live: StoredRun | undefined;
  let storedLease = 0;

  const present = (row: StoredRun): StoredRun => {
    if (row.end) return row;
    if (live?.chatId !== row.chatId || live.runId !== row.runId) {
      const { lastFrame } = store.facts(row.chatId, { run: row.runId, lastFrame: true });
      live = { ...row, next: lastFrame?.next ?? 0 };
      storedLease = row.leaseUntil;
    }
    return { ...row, next: live.next, leaseUntil: live.leaseUntil };
  };
  const presentFacts = (facts: Facts): Facts => ({
    ...facts,
    run: facts.run && present(facts.run),
    newest: facts.newest.map(present),
  });
  const liveRun = ({ chatId, runId }: RunKey): StoredRun | undefined => {
    if (live?.chatId === chatId && live.runId === runId) return live;
    const { run } = store.facts(chatId, { run: runId });
    return run && present(run);
  };

  return {
    ...store,
    facts: (chatId, need) => presentFacts(store.facts(chatId, need)),
    transact(chatId, need, decide) {
      let isOver = false;
      const answer = store.transact(chatId, need, (facts) => {
        const decision = decide(presentFacts(facts));
        const { begin, ends = [], erase, writer } = decision.changes ?? {};
        isOver = begin !== undefined || erase !== undefined || writer !== undefined || ends.length > 0;
        // An end does not touch the offset, so it is written in front of it.
        if (live && ends.some(({ runId }) => runId === live?.runId)) store.writeRow(live);
        return decision;
      });
      if (isOver) live = undefined;
      return answer as never;
    },
    append(key, fence, frame, cursor) {
      const row = liveRun(key);
      const time = now();
      if (!row || row.end || row.fence !== fence || row.leaseUntil <= time) return undefined;
      if (frame && frame.at !== row.next) return undefined;
      const renewed = { ...row, next: frame?.next ?? row.next, leaseUntil: time + row.leaseMs };
      if (renewed.leaseUntil - storedLease > row.leaseMs / 3) {
        store.writeRow(renewed);
        storedLease = renewed.leaseUntil;
      }
      const open = store.addFrame(key, frame, cursor);
      live = renewed;
      return open;
    },
    unfinished(limit, retentionMs) {
      const found = store.unfinished(limit, retentionMs);
      return {
        ...found,
        runs: found.runs.map(present).filter(({ end, leaseUntil }) => end || leaseUntil <= found.now),
      };
    },
  };
}
