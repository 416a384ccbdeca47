import {
  type ChangeQueue,
  type Changes,
  type Facts,
  type LogStore,
  type Notices,
  type OptimisticStore,
  optimistic,
  revocationsClaim,
} from '@chat-transport/core/provider';
import { createDueRuns, finishing } from './due-runs.ts';
import type { RedisKeys } from './redis-keys.ts';
import { entryId, type FactsReply, toFacts, toOpenCommands } from './replies.ts';
import { type RunScript, type Script, script } from './script-runner.ts';
import { readFacts } from './scripts/facts-script.ts';
import { leaveQueue, standInQueue } from './scripts/queue-scripts.ts';
import { append, writeChanges } from './scripts/write-script.ts';

const factsScript = script(readFacts);
const writeScript = script(writeChanges);
const appendScript = script(append);
const standScript = script(standInQueue);
const leaveScript = script(leaveQueue);

/** Runs a script on a key, with its values behind the time and the retention. */
export type Ask = <T>(script: Script, key: string, ...values: readonly (string | number)[]) => Promise<T>;

/** The log's store in Redis: each call is one script on one chat, `transact` two of them. */
export function createRedisStore(options: {
  readonly run: RunScript;
  readonly keys: RedisKeys;
  readonly retentionMs: number;
  readonly now: (() => number) | undefined;
  readonly notices: Notices;
}): LogStore {
  const { run, keys, retentionMs, now, notices } = options;
  const ask: Ask = async <T>(called: Script, key: string, ...values: readonly (string | number)[]) =>
    (await run(called, key, [now?.() ?? '', retentionMs, ...values])) as T;

  const read = async (chatId: string, need: object): Promise<{ facts: Facts; version: string }> => {
    const reply = await ask<FactsReply>(factsScript, keys.chat(chatId), JSON.stringify(need));
    return { facts: toFacts(chatId, reply), version: reply[1] };
  };
  const facts: LogStore['facts'] = async (chatId, need) => (await read(chatId, need)).facts;
  const due = createDueRuns(ask, keys, facts, retentionMs);

  const write: OptimisticStore['write'] = async (chatId, version, changes, place = '') => {
    const { begin, ends = [], writer } = changes;
    // Noted before it begins, so that no run is forgotten.
    if (begin) await due.begins(begin.row, begin.row.leaseMs);
    const values = [version, crypto.randomUUID(), JSON.stringify(flat(changes)), mustPass(changes) ? 'full' : ''];
    const isWritten = await ask<number>(writeScript, keys.chat(chatId), ...values, keys.changes(chatId), place);
    if (isWritten !== 1) return false;
    const over = [...ends.map(({ runId }) => runId), ...(begin?.row.end ? [begin.row.runId] : [])];
    for (const runId of over) await due.lookAt({ chatId, runId });
    if (writer) await due.lookAt({ chatId, runId: writer.runId }, writer.leaseUntil);
    return true;
  };

  const queue: ChangeQueue = {
    stand: (chatId, place) => ask(standScript, keys.chat(chatId), place),
    leave: (chatId, place) => ask(leaveScript, keys.chat(chatId), place),
  };

  return {
    facts,
    transact: optimistic({ facts: read, write, queue }),
    async append({ chatId, runId }, fence, frame, cursor) {
      const values = frame ? [frame.at, entryId(frame), frame.next, frame.chunks] : [];
      const channel = keys.frames(chatId);
      const open = await ask<string[] | null>(
        appendScript,
        keys.chat(chatId),
        ...[runId, fence, cursor, channel, ...values],
      );
      return open ? toOpenCommands(open) : undefined;
    },
    unfinished: (limit) => due.unfinished(limit),
    prune() {},
    notices,
    close() {},
  };
}

/**
 * What ends, settles or finishes a run passes where Redis is full, and so does taking back access; what clients add
 * does not.
 */
function mustPass({ begin, addSteer, parked, snapshot, claim }: Changes): boolean {
  const isClients = claim !== undefined && claim.name !== revocationsClaim && !claim.name.startsWith(finishing);
  return !begin && !addSteer && !parked && !snapshot && !isClients;
}

/** The changes as the script takes them: what it keeps as JSON is text in there. */
function flat({ begin, ends, settle, parked, ...others }: Changes): object {
  const { row, ...conversation } = begin ?? {};
  return {
    ...others,
    ...(row && {
      begin: {
        ...{ ...row, ...conversation, end: undefined, cancelIds: JSON.stringify(row.cancelIds) },
        ...(row.end && { reason: row.end.reason, endedAt: row.end.at }),
      },
    }),
    ...(ends && {
      ends: ends.map(({ runId, end, cancelIds }) => ({ runId, ...end, cancelIds: JSON.stringify(cancelIds) })),
    }),
    ...(settle && { settle: { ...settle, receipt: JSON.stringify(settle.receipt) } }),
    ...(parked && { parked: JSON.stringify(parked) }),
  };
}
