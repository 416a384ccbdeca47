import type { UIMessage } from 'ai';
import { sleep } from '../clock.ts';
import type { ChatSession } from './chat-session.ts';
import { isBusy, observeIdle } from './chat-status.ts';
import type { SyncableChat } from './syncable-chat.ts';

/** How long `stop` waits for the run's end before it returns, in milliseconds. */
export const stopWaitMs = 2000;

/**
 * Ends the answer on every device. Waits for the run's end, at most `stopWaitMs`, so that this device shows what all others show.
 * @throws ChatTransportError when the server refuses: the answer goes on.
 */
export async function stopAnswer<UI_MESSAGE extends UIMessage>(
  chat: SyncableChat<UI_MESSAGE>,
  session: ChatSession<UI_MESSAGE>,
): Promise<void> {
  const run = session.readers.at(-1);
  // The state shows a run's words a moment before its stream opens: the AI SDK has nothing to stop then.
  const runId = run?.runId ?? session.ledger.server.active?.runId;
  if (!isBusy(chat) && !runId) return chat.stop();
  const { clock, closing } = session.context;
  const waits = new AbortController();
  closing.addEventListener('abort', () => waits.abort(), { signal: waits.signal });
  const unobserve = observeIdle(chat, () => waits.abort());
  try {
    const cancelled = session.commands.cancel(runId);
    // The next run of the chat may begin at once; this call does not stop it.
    void run?.closed.then(() => sleep(clock, 0, closing)).then(() => waits.abort());
    await Promise.race([
      cancelled.then(() => sleep(clock, stopWaitMs, waits.signal)),
      sleep(clock, stopWaitMs, closing),
    ]);
  } finally {
    unobserve();
    waits.abort();
  }
  // What the chat does by now may be another request, for which nothing is read yet or any more.
  if (session.readers.every((reader) => reader === run)) await chat.stop();
}
