import { checkFrom } from './check-frame.ts';
import { expiredRun, insideFrame } from './log-errors.ts';
import { maxReadLength, type RunLog, recentRuns } from './run-log.ts';
import { endOf, isExpired } from './run-row.ts';
import { writerNews } from './store-commands.ts';
import type { StoreContext } from './store-context.ts';

/** The calls that may wait. Each looks at the log at once and again after each notice. */
export function storeReading(context: StoreContext): Pick<RunLog, 'read' | 'state' | 'waitForCommand'> {
  const { store, wakeUps, retentionMs, look, find, record } = context;
  return {
    read: (key, { from, ...wait }) =>
      wakeUps.wait(
        key.chatId,
        (last) =>
          look((time) => {
            const row = find(key);
            if (isExpired(row, time, retentionMs)) throw expiredRun(key);
            checkFrom(from, row.next);
            const stored = from < row.next ? store.frames(key, from, row.next, maxReadLength) : [];
            if (from < row.next && stored[0]?.at !== from) throw insideFrame(from);
            const done = last || stored.length > 0 || endOf(row, time) !== undefined;
            if (!done) return { done, againInMs: row.leaseUntil - time };
            const frames = stored.map(({ at, next, chunks }) => ({ at, next, chunks: JSON.parse(chunks) }));
            return { done, value: { frames, run: record(row, time) } };
          }),
        wait,
      ),

    state: (chatId, { after, ...wait } = {}) =>
      wakeUps.wait(
        chatId,
        (last) =>
          look((time) => {
            const turn = store.turn(chatId);
            if (!last && after !== undefined && turn <= after) return { done: false };
            const rows = store.newestRuns(chatId, recentRuns).filter((row) => !isExpired(row, time, retentionMs));
            const runs = rows.map((row) => record(row, time)).reverse();
            const newest = runs.at(-1);
            const messages = newest?.turn === turn ? JSON.parse(store.messages(chatId) ?? '[]') : [];
            const active = newest && !newest.end ? { active: newest } : {};
            return { done: true, value: { turn, ...active, runs, messages } };
          }),
        wait,
      ),

    waitForCommand: (key, fence, { known, ...wait }) =>
      wakeUps.wait(
        key.chatId,
        (last) =>
          look((time) => {
            const row = find(key);
            const value = writerNews(store, row, fence, time);
            const done = last || value.end !== undefined || value.commands.some(({ id }) => !known.includes(id));
            return done ? { done, value } : { done, againInMs: row.leaseUntil - time };
          }),
        wait,
      ),
  };
}
