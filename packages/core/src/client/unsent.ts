import type { UIMessage } from 'ai';
import { ChatTransportError } from '../errors.ts';
import type { ChatSession } from './chat-session.ts';
import { type Outbox, ownMessages } from './ledger/outbox.ts';
import { withOwnAnswers } from './own-answers.ts';
import type { SyncableChat } from './syncable-chat.ts';

/** How the AI SDK's chats go on with one of their answers; private, and covered by a test. Their public methods go on with the last message alone. */
interface Requester {
  makeRequest(options: { readonly trigger: 'submit-message'; readonly messageId: string }): Promise<void>;
}

function refusedSends({ ledger }: Pick<ChatSession, 'ledger'>, messageId: string): Outbox {
  return ledger.outbox.filter((send) => send.messageId === messageId && send.state === 'refused');
}

function remove(chat: SyncableChat, messageIds: readonly string[]): void {
  chat.messages = chat.messages.filter(({ id }) => !messageIds.includes(id));
}

/**
 * Sends a refused message, edit, regenerate or tool answer of this device again. Where the chat does not show the message that it is for, it is
 * refused again, for that reason.
 */
export async function resend<UI_MESSAGE extends UIMessage>(
  chat: SyncableChat<UI_MESSAGE>,
  session: ChatSession<UI_MESSAGE>,
  messageId: string,
): Promise<void> {
  const sends = refusedSends(session, messageId);
  // A refused message that was edited is shown as it was edited.
  const send = sends.find((each) => each.kind === 'edit') ?? sends[0];
  if (!send) return;
  const { runId, kind, message } = send;
  if (kind === 'message') {
    remove(chat, [messageId]);
    return chat.sendMessage(message as never);
  }
  // Until the state is read, an edit may stand in the place of its message; what was taken over since may lack the answers.
  chat.messages = chat.messages.map((each) =>
    each.id === message?.id ? { ...withOwnAnswers(each, message), id: messageId } : each,
  );
  if (!chat.messages.some((each) => each.id === messageId)) {
    const error = new ChatTransportError({ code: 'stale', message: 'The message is not shown.' });
    return session.dispatch({ type: 'refused', runId, error, isReported: false });
  }
  if (kind === 'regenerate') return chat.regenerate({ messageId });
  if (kind === 'edit') return chat.sendMessage({ ...message, messageId } as never);
  return (chat as unknown as Requester).makeRequest({ trigger: 'submit-message', messageId });
}

/** Gives up what was refused of this device about a message. */
export function discard<UI_MESSAGE extends UIMessage>(
  chat: SyncableChat<UI_MESSAGE>,
  session: ChatSession<UI_MESSAGE>,
  messageId: string,
): void {
  const sends = refusedSends(session, messageId);
  if (sends.length === 0) return;
  // Discarding an answer discards the whole message: the chat's state brings the server's version back.
  remove(chat, sends.some((each) => each.kind === 'answer') ? [messageId] : ownMessages(sends));
  if (sends.some((each) => each.error === chat.error)) chat.clearError();
  session.dispatch({ type: 'discarded', messageId });
}
