import {
  checkFrom,
  endOf,
  expiredRun,
  insideFrame,
  isExpired,
  maxReadLength,
  type RunLog,
  type SteerCommand,
  unknownRun,
  type WriterNews,
} from '@chat-transport/core/provider';
import type { LogContext } from './log-context.ts';
import { type EntryReply, type RowReply, toFrame, toRow } from './replies.ts';
import { script } from './script-runner.ts';
import * as scripts from './scripts/read-scripts.ts';

const readRun = script(scripts.read);
const readState = script(scripts.state);
const readNews = script(scripts.news);

type ReadReply = readonly ['run', now: number, row: RowReply, start: string | null, frames: readonly EntryReply[]];
type NewsReply = readonly ['run', now: number, row: RowReply, steers: readonly string[]];
type StateReply = readonly [
  now: number,
  turn: number,
  messages?: string | null,
  runs?: readonly (readonly [runId: string, row: RowReply, start: string | null])[],
];

/** The calls that may wait. Each looks at the log at once and again after each notice. */
export function createReading(context: LogContext): Pick<RunLog, 'read' | 'state' | 'waitForCommand'> {
  const { keys, retentionMs, waiting, ask, call, record } = context;
  return {
    read: (key, { from, ...options }) => {
      const isOffset = Number.isSafeInteger(from) && from >= 0;
      return waiting.wait({
        ...options,
        channels: [keys.frames(key.chatId), keys.changes(key.chatId)],
        run: key.runId,
        async look(last) {
          const values = [isOffset ? from : '', maxReadLength, last ? '' : 'brief'];
          const [, now, reply, start, entries] = await call<ReadReply>(readRun, key, ...values);
          const row = toRow(key, reply);
          if (!row) throw unknownRun(key);
          if (isExpired(row, now, retentionMs)) throw expiredRun(key);
          checkFrom(from, row.next);
          const stored = entries.map(toFrame);
          if (from < row.next && stored[0]?.at !== from) throw insideFrame(from);
          const done = last || stored.length > 0 || endOf(row, now) !== undefined;
          if (!done) return { done, againInMs: row.leaseUntil - now };
          const frames = stored.map(({ at, next, chunks }) => ({ at, next, chunks: JSON.parse(chunks) }));
          return { done, value: { frames, run: record(key, reply, start, now) } };
        },
      });
    },

    state: (chatId, { after, ...options } = {}) =>
      waiting.wait({
        ...options,
        channels: [keys.changes(chatId)],
        async look(last) {
          const above = last || after === undefined ? -1 : after;
          const [now, turn, messages, replies] = await ask<StateReply>(readState, keys.chat(chatId), '', above);
          if (!replies) return { done: false };
          const runs = replies.flatMap(([runId, reply, start]) => {
            const row = toRow({ chatId, runId }, reply);
            return row && !isExpired(row, now, retentionMs) ? [record(row, reply, start, now)] : [];
          });
          runs.reverse();
          const newest = runs.at(-1);
          const active = newest && !newest.end ? { active: newest } : {};
          const conversation = newest?.turn === turn ? JSON.parse(messages ?? '[]') : [];
          return { done: true, value: { turn, ...active, runs, messages: conversation } };
        },
      }),

    waitForCommand: (key, fence, { known, ...options }) =>
      waiting.wait<WriterNews>({
        ...options,
        channels: [keys.changes(key.chatId)],
        run: key.runId,
        async look(last) {
          const [, now, reply, steers] = await call<NewsReply>(readNews, key);
          const row = toRow(key, reply);
          if (!row) throw unknownRun(key);
          const over = endOf(row, now)?.reason ?? (row.fence === fence ? undefined : 'lost');
          if (over) return { done: true, value: { end: { reason: over }, commands: [] } };
          const commands = steers.map((steer) => JSON.parse(steer) as SteerCommand);
          const done = last || commands.some(({ id }) => !known.includes(id));
          return done ? { done, value: { commands } } : { done, againInMs: row.leaseUntil - now };
        },
      }),
  };
}
