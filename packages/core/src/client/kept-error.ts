import type { Outbox } from './ledger/outbox.ts';

/**
 * The error that a chat goes on to show while it streams an answer that its user did not ask for: the one that it shows now, where that is of a
 * refused send or `isReported`, until the user sends again or gives the send up; or that of a send which is refused meanwhile.
 */
export function keptError(outboxNow: () => Outbox, shown: unknown, isReported: boolean): () => unknown {
  const before = outboxNow();
  let hasSent = false;
  return () => {
    const outbox = outboxNow();
    const isNew = (send: Outbox[number]) => !before.includes(send);
    hasSent ||= outbox.some((send) => send.state === 'sending' && isNew(send));
    const refused = outbox.findLast(
      (send) => send.state === 'refused' && (isNew(send) || (!hasSent && send.error === shown)),
    );
    return refused?.error ?? (isReported && !hasSent ? shown : undefined);
  };
}
