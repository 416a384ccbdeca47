import { frameChunks } from './check-frame.ts';
import { decideTakeOver } from './decide-take-over.ts';
import { wrongOffset } from './log-errors.ts';
import type { Decision, Facts, OpenCommand, StoredFrame, StoredRun } from './log-store.ts';
import type { RunKey, RunLog, SteerCommand, TakenOver, TakeOverRequest, WriterNews } from './run-log.ts';
import { endOf, type RunRow, releasedFence } from './run-row.ts';
import { foundRun, lostChange, type StoreContext } from './store-context.ts';

type Writing = Pick<RunLog, 'append' | 'renew' | 'settle' | 'takeOver' | 'release' | 'end' | 'saveSnapshot'>;

/** The calls of a run's writer. */
export function storeWriting(context: StoreContext): Writing {
  const { store, guard, transact, record, isGone } = context;

  const write = async (
    key: RunKey,
    fence: string,
    frame: StoredFrame | undefined,
    cursor: number,
  ): Promise<WriterNews> => {
    const open = await guard(() => store.append(key, fence, frame, cursor));
    if (open) return newsOf(open, cursor);
    // The store took nothing: find out why.
    return transact(key.chatId, { run: key.runId, openAfter: cursor, lastFrame: true }, (facts) => {
      const row = foundRun(key, facts);
      const answer = writerNews(row, fence, facts, cursor);
      if (answer.end || answer.superseded) return { answer, changes: lostChange(row, facts) };
      const { lastFrame } = facts;
      if (!frame || (lastFrame?.at === frame.at && lastFrame.chunks === frame.chunks)) return { answer };
      throw wrongOffset(frame.at, row.next);
    });
  };

  return {
    append: async (key, fence, frame, cursor = 0) => {
      const { at, next } = frame;
      return write(key, fence, { at, next, chunks: frameChunks(frame) }, cursor);
    },

    renew: (key, fence, cursor = 0) => write(key, fence, undefined, cursor),

    async settle(key, fence, id, receipt) {
      if (receipt.outcome === 'accepted') return;
      await transact(key.chatId, { run: key.runId, steer: id }, (facts) => {
        // The run's end is an outcome.
        const isOpen = isWriter(foundRun(key, facts), fence, facts) && facts.steer && !facts.steer.receipt;
        return isOpen
          ? { answer: undefined, changes: { settle: { runId: key.runId, id, receipt } } }
          : { answer: undefined };
      });
    },

    takeOver: (key, request) =>
      transact(key.chatId, { run: key.runId, starts: true, context: true }, (facts) =>
        takeOver(context, foundRun(key, facts), request, facts),
      ),

    release: (key, fence) =>
      transact(key.chatId, { run: key.runId, starts: true }, (facts) => {
        const row = foundRun(key, facts);
        if (!isWriter(row, fence, facts)) return { answer: record(row, facts), changes: lostChange(row, facts) };
        const { runId, attempt } = row;
        const writer = { runId, fence: releasedFence, attempt, leaseUntil: facts.now };
        return { answer: record({ ...row, ...writer }, facts), changes: { writer } };
      }),

    end: (key, fence, { reason }) =>
      transact(key.chatId, { run: key.runId, starts: true }, (facts) => {
        const row = foundRun(key, facts);
        if (!isWriter(row, fence, facts)) return { answer: record(row, facts), changes: lostChange(row, facts) };
        const end = { reason, at: facts.now };
        return {
          answer: record({ ...row, end }, facts),
          changes: { ends: [{ runId: row.runId, end, cancelIds: row.cancelIds }] },
        };
      }),

    saveSnapshot: (key, text) =>
      transact(key.chatId, { run: key.runId }, (facts) => {
        const row = foundRun(key, facts);
        const isKept = endOf(row, facts.now) !== undefined && !isGone(row, facts);
        return isKept
          ? { answer: undefined, changes: { ...lostChange(row, facts), snapshot: { runId: row.runId, text } } }
          : { answer: undefined };
      }),
  };
}

/** Whether this fence is that of the run's writer now. */
function isWriter(row: RunRow, fence: string, { now }: Facts): boolean {
  return !row.end && row.fence === fence && now < row.leaseUntil;
}

/** `RunLog.takeOver` in one transaction. */
function takeOver(
  { record }: StoreContext,
  row: StoredRun,
  request: TakeOverRequest,
  facts: Facts,
): Decision<TakenOver> {
  const decision = decideTakeOver(row, request, facts.now);
  if (decision.type === 'exhausted') {
    const end = { reason: 'lost', at: facts.now } as const;
    const ends = [{ runId: row.runId, end, cancelIds: row.cancelIds }];
    return { answer: { type: 'exhausted', run: record({ ...row, end }, facts) }, changes: { ends } };
  }
  if (decision.type !== 'taken-over') {
    return { answer: { type: decision.type, run: record(row, facts) }, changes: lostChange(row, facts) };
  }
  const run = record({ ...row, ...decision.writer }, facts);
  const answer: TakenOver = {
    ...{ type: 'taken-over', run },
    ...(facts.context !== undefined && { context: JSON.parse(facts.context) }),
    ...(row.fence === releasedFence && { released: true }),
  };
  return { answer, changes: { writer: decision.writer } };
}

/** What a writer learns. A fence that is not the run's, or whose lease expired, is superseded: the run goes on without that writer. */
export function writerNews(row: RunRow, fence: string, facts: Facts, cursor: number): WriterNews {
  const end = endOf(row, facts.now);
  if (end) return { end: { reason: end.reason }, commands: [], cursor };
  if (!isWriter(row, fence, facts)) return { superseded: true, commands: [], cursor };
  return newsOf(facts.openCommands, cursor);
}

function newsOf(open: readonly OpenCommand[], cursor: number): WriterNews {
  const commands = open.map(({ command }) => JSON.parse(command) as SteerCommand);
  return { commands, cursor: open.at(-1)?.position ?? cursor };
}
