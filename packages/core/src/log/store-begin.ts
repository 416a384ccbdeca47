import { brought, changed, changeOf } from './conversation-cache.ts';
import { decideBegin } from './decide-begin.ts';
import type { Changes, Decision, Facts, Need, StoredRun } from './log-store.ts';
import { type Begun, parkedCommandTtlMs, type RunInit } from './run-log.ts';
import { lostChange, type StoreContext } from './store-context.ts';

/** `RunLog.begin`: one transaction that gives the turn and writes what is new of the conversation. */
export async function beginRun(shared: StoreContext, init: RunInit): Promise<Begun> {
  const { store, conversations, retentionMs, guard, transact, record } = shared;
  const { chatId, runId } = init;
  const start = JSON.stringify(init.start);
  const context = JSON.stringify(init.context) as string | undefined;
  const known = conversations.get(chatId);
  let after = known;

  const decide = (facts: Facts): Decision<Begun> => {
    const { now, turn } = facts;
    const [newest] = facts.newest;
    const waiting = facts.parked.filter(({ at }) => at > now - parkedCommandTtlMs);
    const mine = waiting.filter((cancel) => cancel.runId === runId);
    const parkedCancels = mine.map(({ id }) => id);
    const decision = decideBegin(init, { now, retentionMs, turn, known: facts.run, newest, parkedCancels });
    const lost = newest && lostChange(newest, facts);
    if (decision.type === 'again') return { answer: begunAnswer(shared, decision.row, facts) };
    if (decision.type === 'exists') {
      return { answer: { type: 'exists', run: record(decision.row, facts) }, changes: lost };
    }
    if (decision.type === 'busy') return { answer: { type: 'busy', active: record(decision.row, facts) } };
    if (decision.type !== 'begin') return { answer: decision, changes: lost };

    const { row } = decision;
    const before = brought(known, turn, facts.conversation);
    const change = changeOf(before, init.messages);
    after = changed(before, row.turn, change);
    const changes: Changes = {
      begin: { row, start, ...(context !== undefined && { context }), ...change },
      ...lost,
      ...(mine.length > 0 && { parked: waiting.filter((cancel) => cancel.runId !== runId) }),
    };
    return { answer: begunAnswer(shared, { ...row, start }, facts), changes };
  };

  const need: Need = { run: runId, newest: 1, starts: true, parked: true, messagesAfter: known.turn };
  const begun = await transact(chatId, need, decide);
  if (begun.type !== 'started' && begun.type !== 'cancelled') return begun;
  conversations.set(chatId, after);
  await guard(() => store.prune(retentionMs, chatId));
  return begun;
}

function begunAnswer(
  { record }: StoreContext,
  row: StoredRun,
  facts: Facts,
): Extract<Begun, { type: 'started' | 'cancelled' }> {
  const run = record(row, facts);
  return row.end ? { type: 'cancelled', run } : { type: 'started', run, fence: row.fence };
}
