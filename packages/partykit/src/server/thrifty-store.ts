import type { LogStore, RunRow } from '@chat-transport/core/provider';

/**
 * A store that writes one row per frame. What an append changes in its run is kept in memory: `next` is in the frames as well, and of the
 * lease only every third is written. After an eviction a lease is therefore up to a third shorter, and writers renew it that often.
 */
export function thriftyStore(store: LogStore): LogStore {
  /** The run that is written now, newer than its row, and the lease in its row. */
  let live: RunRow | undefined;
  let storedLease = 0;

  const isLive = ({ chatId, runId }: RunRow): boolean => live?.runId === runId && live.chatId === chatId;
  const keep = (row: RunRow): RunRow => {
    live = row.end ? undefined : row;
    storedLease = row.leaseUntil;
    return row;
  };
  const newest = (row: RunRow): RunRow => {
    if (row.end) return row;
    if (live && isLive(row)) return live;
    return keep({ ...row, next: store.lastFrame(row)?.next ?? 0 });
  };

  return {
    ...store,
    write(work) {
      const before = { live, storedLease };
      try {
        return store.write(work);
      } catch (error) {
        ({ live, storedLease } = before);
        throw error;
      }
    },
    run(key) {
      const row = store.run(key);
      return row && newest(row);
    },
    newestRuns: (chatId, limit) => store.newestRuns(chatId, limit).map(newest),
    insertRun(row, start, messages) {
      store.insertRun(row, start, messages);
      keep(row);
    },
    updateRun(row) {
      if (!row.end && isLive(row) && row.leaseUntil - storedLease <= row.leaseMs / 3) {
        live = row;
        return;
      }
      store.updateRun(row);
      keep(row);
    },
    unfinished: (now, endedAfter, limit) =>
      store
        .unfinished(now, endedAfter, limit)
        .map(newest)
        .filter(({ end, leaseUntil }) => end || leaseUntil <= now),
  };
}
