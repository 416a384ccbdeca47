import type { UIMessage } from 'ai';
import type { ChatSession } from './chat-session.ts';
import type { OwnSend } from './ledger/outbox.ts';
import { withOwnAnswers } from './own-answers.ts';
import type { SyncableChat } from './syncable-chat.ts';

/** How the AI SDK's chats go on with one of their answers; private, and covered by a test. Their public methods go on with the last message alone. */
interface Requester {
  makeRequest(options: { readonly trigger: 'submit-message'; readonly messageId: string }): Promise<void>;
}

function refusedSend({ ledger }: Pick<ChatSession, 'ledger'>, messageId: string): OwnSend | undefined {
  return ledger.outbox.find((send) => send.messageId === messageId && send.state === 'refused');
}

function remove(chat: SyncableChat, messageId: string): void {
  chat.messages = chat.messages.filter(({ id }) => id !== messageId);
}

/** Sends a refused message, edit, regenerate or tool answer of this device again. */
export async function resend<UI_MESSAGE extends UIMessage>(
  chat: SyncableChat<UI_MESSAGE>,
  session: ChatSession<UI_MESSAGE>,
  messageId: string,
): Promise<void> {
  const send = refusedSend(session, messageId);
  if (!send) return;
  const message = send.message as UI_MESSAGE | undefined;
  if (send.kind === 'regenerate') return chat.regenerate({ messageId });
  if (send.kind === 'edit' && message) return chat.sendMessage({ ...message, messageId } as never);
  // Nothing goes on with a message that is gone.
  if (send.kind === 'answer' && chat.messages.every(({ id }) => id !== messageId)) throw send.error;
  if (send.kind === 'answer') {
    // What the chat has taken over since may lack the answers.
    chat.messages = chat.messages.map((each) => (each.id === messageId ? withOwnAnswers(each, message) : each));
    return (chat as unknown as Requester).makeRequest({ trigger: 'submit-message', messageId });
  }
  remove(chat, messageId);
  return chat.sendMessage(message as never);
}

/** Gives up a refused send of this device. */
export function discard<UI_MESSAGE extends UIMessage>(
  chat: SyncableChat<UI_MESSAGE>,
  session: ChatSession<UI_MESSAGE>,
  messageId: string,
): void {
  const send = refusedSend(session, messageId);
  if (!send) return;
  // Discarding an answer discards the whole message: the chat's state brings the server's version back.
  if (send.kind === 'message' || send.kind === 'answer') remove(chat, messageId);
  if (chat.error === send.error) chat.clearError();
  session.dispatch({ type: 'discarded', messageId });
}
