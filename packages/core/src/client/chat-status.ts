import type { ChatStatus } from 'ai';
import type { SyncableChat } from './syncable-chat.ts';

/** How the AI SDK's chats change their status; protected, and covered by a test. Chats have no public way to observe or to set it. */
interface StatusSetter {
  setStatus(next: { readonly status: ChatStatus; readonly error?: Error | undefined }): void;
}

type AnyChat = Pick<SyncableChat, 'status' | 'clearError'>;

/** Those who follow the status of a chat. */
interface Observers {
  readonly onIdle: Set<() => void>;
  /** The error that is shown where the chat has none of its own. */
  keptError: () => unknown;
}

const none = (): undefined => {};
const observed = new WeakMap<object, Observers>();

/** Whether a request of the chat is under way. */
export function isBusy(chat: { readonly status: string }): boolean {
  return chat.status === 'submitted' || chat.status === 'streaming';
}

/** Shows an error that the chat's own requests did not end with. */
export function showError(chat: AnyChat, error: unknown): void {
  (chat as unknown as StatusSetter).setStatus({ status: 'error', error: error as Error });
}

function observersOf(chat: AnyChat): Observers {
  const known = observed.get(chat);
  if (known) return known;
  const observers: Observers = { onIdle: new Set(), keptError: none };
  observed.set(chat, observers);
  const setter = chat as unknown as StatusSetter;
  const setStatus = setter.setStatus;
  setter.setStatus = function ({ status, error = observers.keptError() as Error | undefined }) {
    setStatus.call(this, { status: error && status === 'ready' ? 'error' : status, error });
    if (!isBusy({ status })) for (const listener of [...observers.onIdle]) listener();
  };
  // The AI SDK's own does nothing while an answer is streamed.
  const { clearError } = chat;
  const clearAll = () => {
    observers.keptError = none;
    updateError(chat);
    clearError();
  };
  Object.assign(chat, { clearError: clearAll });
  return observers;
}

/** Calls `onIdle` whenever a request of the chat is over, until the returned function is called. The chat is in the middle of its work then. */
export function observeIdle(chat: AnyChat, onIdle: () => void): () => void {
  const listeners = observersOf(chat).onIdle;
  listeners.add(onIdle);
  return () => listeners.delete(onIdle);
}

/** Shows the error that `current` returns during `request`, which the AI SDK would clear, and after it, unless `request` ends with its own. */
export async function keepError(chat: AnyChat, current: () => unknown, request: () => Promise<void>): Promise<void> {
  const observers = observersOf(chat);
  observers.keptError = current;
  try {
    await request();
  } finally {
    observers.keptError = none;
  }
}

/** Shows the kept error as it is now, in the middle of a request. */
export function updateError(chat: AnyChat): void {
  const { status } = chat;
  if (isBusy(chat)) (chat as unknown as StatusSetter).setStatus({ status });
}
