import type { UIMessage } from 'ai';
import { expect, it } from 'vitest';
import { ChatObserver } from '../../src/client/chat-observer.ts';
import { emptyLedger, type LedgerEvent, reduce } from '../../src/client/ledger/chat-ledger.ts';
import { systemClock } from '../../src/clock.ts';
import { type StartFrame, wireVersion } from '../../src/wire/frame.ts';
import { until } from '../support/world.ts';

const message = (id: string, role: UIMessage['role'], text: string): UIMessage => ({
  id,
  role,
  parts: [{ type: 'text', text }],
});

/** A chat that shows these messages, and a session that has nothing but its ledger. */
function observed(messages: UIMessage[]) {
  const chat = { messages, status: 'ready', error: undefined, clearError: () => {} };
  const session = {
    ledger: emptyLedger,
    readers: [],
    context: { clock: systemClock },
    dispatch(event: LedgerEvent): void {
      session.ledger = reduce(session.ledger, event).ledger;
    },
  };
  return { chat, session, observer: new ChatObserver(chat as never, session as never) };
}

it('a page that streamed an answer before it knew its question shows both', async () => {
  const question = message('u1', 'user', 'hi');
  const answer = message('a1', 'assistant', 'all of it');
  const { chat, session, observer } = observed([answer]);
  const frame: StartFrame = {
    v: wireVersion,
    run: 'r1',
    turn: 1,
    start: { trigger: 'submit-message', from: 'other', messageId: 'a1', before: null, tail: [question] },
  };
  session.dispatch({ type: 'messages-taken', place: { kind: 'whole', turn: 0 }, isIdle: true, messageIds: [] });
  session.dispatch({ type: 'stream-opened', runId: 'r1', turn: 1 });
  session.dispatch({ type: 'start-heard', frame });
  session.dispatch({ type: 'stream-closed', runId: 'r1', endedAt: 3 });
  observer.look();
  await until(() => chat.messages.includes(question));
  expect(chat.messages).toEqual([question, answer]);
});
