import type { ChatStatus } from 'ai';
import type { SyncableChat } from './syncable-chat.ts';

/** How the AI SDK's chats change their status; protected, and covered by a test. Chats have no public way to observe or to set it. */
interface StatusSetter {
  setStatus(next: { readonly status: ChatStatus; readonly error?: Error | undefined }): void;
}

type AnyChat = Pick<SyncableChat, 'status'>;

const observers = new WeakMap<object, Set<() => void>>();

/** Whether a request of the chat is under way. */
export function isBusy(chat: { readonly status: string }): boolean {
  return chat.status === 'submitted' || chat.status === 'streaming';
}

/** Shows an error that the chat's own requests did not end with. */
export function showError(chat: AnyChat, error: unknown): void {
  (chat as unknown as StatusSetter).setStatus({ status: 'error', error: error as Error });
}

/** Calls `onIdle` whenever a request of the chat is over, until the returned function is called. The chat is in the middle of its work then. */
export function observeIdle(chat: AnyChat, onIdle: () => void): () => void {
  const known = observers.get(chat);
  const listeners = known ?? new Set();
  if (!known) {
    observers.set(chat, listeners);
    const setter = chat as unknown as StatusSetter;
    const setStatus = setter.setStatus;
    setter.setStatus = function (next) {
      setStatus.call(this, next);
      if (!isBusy(next)) for (const listener of [...listeners]) listener();
    };
  }
  listeners.add(onIdle);
  return () => listeners.delete(onIdle);
}
