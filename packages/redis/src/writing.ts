import {
  type Begun,
  ChatTransportError,
  decideBegin,
  frameChunks,
  type RunInit,
  type RunLog,
  recentRuns,
  type SteerCommand,
  toRecord,
  type WriterNews,
  wrongOffset,
} from '@chat-transport/core/provider';
import type { DueRuns } from './due-runs.ts';
import type { LogContext } from './log-context.ts';
import { entryId, type RowReply, toRow } from './replies.ts';
import { script } from './script-runner.ts';
import * as beginScripts from './scripts/begin-scripts.ts';
import { append, end, settle } from './scripts/writer-scripts.ts';

const facts = script(beginScripts.beginFacts);
const commit = script(beginScripts.beginRun);
const appendFrame = script(append);
const endRun = script(end);
const settleSteer = script(settle);

/** How often `begin` decides anew because the chat has changed meanwhile. Each time another run, cancel or end has got through. */
const maxAttempts = 50;

type Facts = readonly [
  now: number,
  turn: string,
  known: RowReply,
  newest: string,
  newestRow: RowReply,
  cancels: readonly string[],
];
type Commit = readonly ['changed' | 'begun'];
type AppendReply = readonly ['end', WriterEnd] | readonly ['offset', string] | readonly ['commands', readonly string[]];
type WriterEnd = NonNullable<WriterNews['end']>['reason'];

/** The calls of a run's writer: each one transaction, `append` and `renew` in one round trip. */
export function createWriting(
  context: LogContext,
  due: DueRuns,
): Pick<RunLog, 'begin' | 'append' | 'renew' | 'settle' | 'end'> {
  const { call, keys, record } = context;

  const writerNews = (at: number, [type, value]: AppendReply): WriterNews => {
    if (type === 'end') return { end: { reason: value }, commands: [] };
    if (type === 'offset') throw wrongOffset(at, Number(value));
    return { commands: value.map((steer) => JSON.parse(steer) as SteerCommand) };
  };

  return {
    async begin(init) {
      for (let attempt = 0; attempt < maxAttempts; attempt += 1) {
        const begun = await tryBegin(context, due, init);
        if (begun) return begun;
      }
      throw new ChatTransportError({
        code: 'provider-failed',
        message: `redisLog failed: the chat changed ${maxAttempts} times while the run was to begin.`,
      });
    },

    async append(key, fence, frame) {
      const chunks = frameChunks(frame);
      const { at, next } = frame;
      const values = [fence, at, entryId(at, next), next, chunks, keys.frames(key.chatId)];
      return writerNews(at, await call<AppendReply>(appendFrame, key, ...values));
    },

    renew: async (key, fence) => writerNews(0, await call<AppendReply>(appendFrame, key, fence, '')),

    async settle(key, commandId, receipt) {
      if (receipt.outcome === 'accepted') return;
      await call(settleSteer, key, commandId, JSON.stringify(receipt), keys.changes(key.chatId));
    },

    async end(key, fence, { reason }) {
      const reply = call<readonly ['record', number, RowReply, string | null]>(
        endRun,
        key,
        fence,
        reason,
        keys.changes(key.chatId),
      );
      const [[, now, row, start]] = await Promise.all([reply, due.dueIn(key, 0)]);
      return record(key, row, start, now);
    },
  };
}

/** Reads, lets core decide, and writes if nothing has changed in between; `undefined` where something has. */
async function tryBegin(context: LogContext, due: DueRuns, init: RunInit): Promise<Begun | undefined> {
  const { call, keys, outcome, retentionMs } = context;
  const { chatId } = init;
  const [reply] = await Promise.all([call<Facts>(facts, init), due.begins(init, init.leaseMs)]);
  const [now, turn, known, newestId, newestRow, parkedCancels] = reply;
  const newest = newestId === '' ? undefined : toRow({ chatId, runId: newestId }, newestRow);
  const decision = decideBegin(init, {
    now,
    retentionMs,
    fence: crypto.randomUUID(),
    turn: Number(turn),
    known: toRow(init, known),
    newest,
    parkedCancels,
  });
  if (decision.type === 'exists') return { type: 'exists', run: (await outcome(decision.row)).record };
  if (decision.type === 'busy') return { type: 'busy', active: (await outcome(decision.row)).record };
  if (decision.type !== 'begin') return decision;

  const { row, interrupted } = decision;
  const before = newest?.end?.reason ?? '';
  const start = JSON.stringify(init.start);
  const [answer] = await call<Commit>(
    commit,
    init,
    ...[turn, newestId, before, interrupted ? 'cancel' : before || (newest ? 'lost' : ''), parkedCancels.join(' ')],
    ...[row.digest, row.joinKey ?? '', row.fence, row.leaseMs, start, JSON.stringify(init.messages)],
    ...[recentRuns, keys.changes(chatId)],
  );
  if (answer === 'changed') return;
  const run = toRecord(row, start, now);
  if (row.end) await due.dueIn(row, 0);
  if (interrupted) await due.dueIn(interrupted, 0);
  const ended = interrupted && { interrupted: (await outcome(interrupted)).record };
  return row.end ? { type: 'cancelled', run, ...ended } : { type: 'started', run, fence: row.fence, ...ended };
}
