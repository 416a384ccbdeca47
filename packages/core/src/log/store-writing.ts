import { frameChunks } from './check-frame.ts';
import { decideBegin } from './decide-begin.ts';
import { wrongOffset } from './log-errors.ts';
import type { Begun, RunInit, RunLog, WriterNews } from './run-log.ts';
import { lostWriter, settleSteer, writerNews } from './store-commands.ts';
import type { StoreContext } from './store-context.ts';

/** The calls of a run's writer, each one transaction. */
export function storeWriting(context: StoreContext): Pick<RunLog, 'begin' | 'append' | 'renew' | 'settle' | 'end'> {
  const { store, change, load, update, record } = context;
  return {
    begin: async (init) => change(init.chatId, (time) => beginRun(context, init, time)),

    append: async (key, fence, frame) => {
      const { at, next } = frame;
      const chunks = frameChunks(frame);
      return change(key.chatId, (time): WriterNews => {
        const row = load(key, time);
        if (lostWriter(row, fence)) return writerNews(store, row, fence, time);
        if (at === row.next) {
          store.insertFrame(key, { at, next, chunks });
        } else {
          const last = store.lastFrame(key);
          const repeated = last?.at === at && last.chunks === chunks;
          if (!repeated) throw wrongOffset(at, row.next);
        }
        const renewed = update({ ...row, next, leaseUntil: time + row.leaseMs });
        return writerNews(store, renewed, fence, time);
      });
    },

    renew: async (key, fence) =>
      change(key.chatId, (time) => {
        const row = load(key, time);
        if (!lostWriter(row, fence)) update({ ...row, leaseUntil: time + row.leaseMs });
        return writerNews(store, row, fence, time);
      }),

    settle: async (key, commandId, receipt) =>
      change(key.chatId, (time) => settleSteer(store, load(key, time), commandId, receipt)),

    end: async (key, fence, { reason }) =>
      change(key.chatId, (time) => {
        const row = load(key, time);
        return record(lostWriter(row, fence) ? row : update({ ...row, end: { reason, at: time } }), time);
      }),
  };
}

function beginRun(context: StoreContext, init: RunInit, time: number): Begun {
  const { store, retentionMs, load, update, record } = context;
  const { chatId } = init;
  context.prune(time, chatId);
  const found = store.newestRuns(chatId, 1)[0];
  const newest = found && load(found, time);
  const parked = store.parkedCancels(chatId).filter((cancel) => cancel.runId === init.runId);
  const decision = decideBegin(init, {
    now: time,
    retentionMs,
    fence: crypto.randomUUID(),
    turn: store.turn(chatId),
    known: store.run(init),
    newest,
    parkedCancels: parked.map((cancel) => cancel.id),
  });
  if (decision.type === 'exists') return { type: 'exists', run: record(decision.row, time) };
  if (decision.type === 'busy') return { type: 'busy', active: record(decision.row, time) };
  if (decision.type !== 'begin') return decision;

  for (const cancel of parked) store.unpark(chatId, cancel);
  const interrupted = decision.interrupted && { interrupted: record(update(decision.interrupted), time) };
  store.insertRun(decision.row, JSON.stringify(init.start), JSON.stringify(init.messages));
  const run = record(decision.row, time);
  if (decision.row.end) return { type: 'cancelled', run, ...interrupted };
  return { type: 'started', run, fence: decision.row.fence, ...interrupted };
}
