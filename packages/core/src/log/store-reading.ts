import { checkFrom } from './check-frame.ts';
import { brought } from './conversation-cache.ts';
import { expiredRun, insideFrame } from './log-errors.ts';
import type { Need } from './log-store.ts';
import { maxReadLength, type RunLog, recentRuns } from './run-log.ts';
import { endOf, nextChangeAt } from './run-row.ts';
import { foundRun, type StoreContext } from './store-context.ts';
import { writerNews } from './store-writing.ts';

type Reading = Pick<RunLog, 'read' | 'state' | 'waitForCommand' | 'snapshot'>;

/** The calls that read. Those that may wait look at once, and again after each notice. */
export function storeReading(context: StoreContext): Reading {
  const { store, conversations, guard, wait, isGone, record } = context;
  return {
    read: (key, { from, knowsInterrupted = false, ...options }) => {
      // What is no offset is refused below, by the run's own length.
      const first = Number.isSafeInteger(from) && from >= 0 ? from : 0;
      const need: Need = { run: key.runId, starts: true, frames: { from: first, maxLength: maxReadLength } };
      let hadWriter = !knowsInterrupted;
      return wait(
        { chatId: key.chatId, topic: 'frames' },
        () => need,
        (facts, last) => {
          const row = foundRun(key, facts);
          const stored = facts.frames;
          if (isGone(row, facts)) throw expiredRun(key);
          checkFrom(from, row.next);
          if (from < row.next && stored[0]?.at !== from) throw insideFrame(from);
          const hasWriter = facts.now < row.leaseUntil;
          const isNews = stored.length > 0 || (hadWriter && !hasWriter);
          hadWriter = hasWriter;
          const done = last || isNews || endOf(row, facts.now) !== undefined;
          if (!done) return { done, againInMs: nextChangeAt(row, facts.now) - facts.now };
          const frames = stored.map(({ at, next, chunks }) => ({ at, next, chunks: JSON.parse(chunks) }));
          return { done, value: { frames, run: record(row, facts) } };
        },
        options,
      );
    },

    state: (chatId, { after, ...options } = {}) => {
      let known = conversations.get(chatId);
      // A store that has lost the turn that the caller knows answers at once, with all that it has.
      let isBehind = false;
      return wait(
        { chatId, topic: 'changes' },
        (last) => {
          const above = last || isBehind || after === undefined ? {} : { above: after };
          known = conversations.get(chatId);
          return { newest: recentRuns, starts: true, messagesAfter: known.turn, ...above };
        },
        (facts, last) => {
          const { turn, deletedTurn } = facts;
          if (!last && !isBehind && after !== undefined && turn <= after) {
            isBehind = turn < after;
            return { done: false, againInMs: isBehind ? 0 : undefined };
          }
          const rows = facts.newest.filter((row) => !isGone(row, facts));
          const runs = rows.map((row) => record(row, facts)).reverse();
          const newest = runs.at(-1);
          const conversation = brought(known, turn, facts.conversation);
          conversations.set(chatId, conversation);
          return {
            done: true,
            value: {
              turn,
              ...(newest && !newest.end && { active: newest }),
              ...(deletedTurn > 0 && { deletedTurn }),
              runs,
              messages: newest?.turn === turn ? conversation.messages : [],
            },
          };
        },
        options,
      );
    },

    waitForCommand: (key, fence, { cursor = 0, ...options }) =>
      wait(
        { chatId: key.chatId, topic: 'changes' },
        () => ({ run: key.runId, openAfter: cursor }),
        (facts, last) => {
          const row = foundRun(key, facts);
          const value = writerNews(row, fence, facts, cursor);
          const done = last || value.end !== undefined || value.superseded || value.commands.length > 0;
          return done ? { done, value } : { done: false, againInMs: nextChangeAt(row, facts.now) - facts.now };
        },
        options,
      ),

    snapshot: (key) =>
      guard(async () => {
        const facts = await store.facts(key.chatId, { run: key.runId, snapshot: true });
        return facts.run && !isGone(facts.run, facts) ? facts.snapshot : undefined;
      }),
  };
}
