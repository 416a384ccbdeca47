import type { Changes, Decision, Facts, Need } from './log-store.ts';
import type { DeletedChat } from './run-log.ts';
import { endOf } from './run-row.ts';
import { lostChange, type StoreContext } from './store-context.ts';

/** `RunLog.deleteChat`: one transaction that ends the active run and leaves the chat's turn, raised by one, and the rows of its runs. */
export async function deleteChat(context: StoreContext, chatId: string): Promise<DeletedChat> {
  const { store, conversations, guard, transact, record } = context;
  const need: Need = { newest: 1, starts: true };

  const decide = (facts: Facts): Decision<DeletedChat> => {
    const { now, turn, deletedTurn } = facts;
    const [newest] = facts.newest;
    // Deleted before, or without a run ever: what cancels and claims it has go, and nobody has anything to learn.
    if (turn === deletedTurn) return { answer: { turn }, changes: { erase: { turn } } };
    const erase = { turn: turn + 1 };
    if (!newest || endOf(newest, now)) {
      return { answer: erase, changes: { ...(newest && lostChange(newest, facts)), erase } };
    }
    const end = { reason: 'cancel', at: now } as const;
    const changes: Changes = { erase, ends: [{ runId: newest.runId, end, cancelIds: newest.cancelIds }] };
    return { answer: { ...erase, ended: record({ ...newest, end }, facts) }, changes };
  };

  const { turn, ended } = await transact(chatId, need, decide);
  conversations.delete(chatId);
  if (!ended) return { turn };
  // Its writer may have appended until the very end: how far it came is known only now.
  const { run } = await guard(() => store.facts(chatId, { run: ended.runId }));
  return { turn, ended: { ...ended, next: run?.next ?? ended.next } };
}
