import type { UIMessage } from 'ai';
import { ChatObserver } from './chat-observer.ts';
import type { ChatReport } from './chat-report.ts';
import { isBusy, observeIdle } from './chat-status.ts';
import type { RealtimeChatTransport } from './realtime-chat-transport.ts';
import { stopAnswer } from './stop-answer.ts';
import type { SyncableChat } from './syncable-chat.ts';
import { giveToolsToOwner } from './tool-owner.ts';
import { discard, resend } from './unsent.ts';

/** What `syncChat` returns. Calling it ends the synchronization, behind an answer that is under way; the chat and its runs go on. */
export interface SyncedChat {
  (): void;
  /** How the chat is connected, what this device could not send, and how the answers ended. */
  getReport(): ChatReport;
  /** Calls `onChange` whenever the report has changed, until the returned function is called. */
  subscribe(onChange: () => void): () => void;
  /**
   * Sends a refused message, edit, regenerate or tool answer again, by the `messageId` in the report. Does not reject: a new refusal is in the report
   * and in `chat.error`, also where the chat does not show the message that the send is for (`stale`).
   */
  resend(messageId: string): Promise<void>;
  /** Gives up a refused send: a message of this device disappears, an edited one shows its old text again. */
  discard(messageId: string): void;
  /**
   * Ends the answer on every device. Waits for the run's end, at most `stopWaitMs`, so that this device shows what all others show.
   * @throws ChatTransportError when the server refuses: the answer goes on.
   */
  stop(): Promise<void>;
}

/**
 * Keeps an AI SDK `Chat` (React, Vue, Svelte, Angular) synchronized with the chat's other devices: their user messages appear, their runs stream
 * live and can be stopped here. Only the device that sent a run runs `onToolCall` and `sendAutomaticallyWhen`; `claimToolCall` takes them over,
 * and so does an answer that is given on this device (`addToolOutput`, `addToolApprovalResponse`).
 * The chat must have been made with `transport`, whose type of messages may be the general one.
 *
 * Where several parts of a page keep one chat synchronized, it is until the last of them ends it.
 *
 * Whenever the chat is idle, what it shows is compared with what the log is known to have: the next turn is applied and streamed where only
 * that is missing, and the chat's state is taken over in every other case.
 */
export function syncChat<UI_MESSAGE extends UIMessage>(
  chat: SyncableChat<UI_MESSAGE>,
  transport: RealtimeChatTransport<UI_MESSAGE> | RealtimeChatTransport,
): SyncedChat {
  // Messages pass the transport as they are: their type is what the app says it is.
  const own = transport as RealtimeChatTransport<UI_MESSAGE>;
  const session = own.session(chat.id);
  return Object.assign(share(chat, own), {
    getReport: session.report.getReport,
    subscribe: session.report.subscribe,
    resend: (messageId: string) => resend(chat, session, messageId),
    discard: (messageId: string) => discard(chat, session, messageId),
    stop: () => stopAnswer(chat, session),
  });
}

/** The chats that are kept synchronized, with what ends that, and those who want it. */
const observed = new WeakMap<object, { readonly users: Set<unknown>; readonly end: () => void }>();

/** Keeps a chat synchronized until every function that this returned for it has been called. */
function share<UI_MESSAGE extends UIMessage>(
  chat: SyncableChat<UI_MESSAGE>,
  transport: RealtimeChatTransport<UI_MESSAGE>,
): () => void {
  const shared = observed.get(chat) ?? { users: new Set(), end: observe(chat, transport) };
  observed.set(chat, shared);
  // The answer that is under way may still call a client tool, which is for one device only.
  const endUnused = (): void => {
    if (shared.users.size > 0 || isBusy(chat) || observed.get(chat) !== shared) return;
    observed.delete(chat);
    unobserve();
    shared.end();
  };
  let unobserve = (): void => {};
  const release = (): void => {
    if (!shared.users.delete(release)) return;
    unobserve = observeIdle(chat, endUnused);
    endUnused();
  };
  shared.users.add(release);
  return release;
}

/** Keeps a chat synchronized until the returned function is called. */
function observe<UI_MESSAGE extends UIMessage>(
  chat: SyncableChat<UI_MESSAGE>,
  transport: RealtimeChatTransport<UI_MESSAGE>,
): () => void {
  const session = transport.session(chat.id);
  const observer = new ChatObserver(chat, session);
  const giveBack = giveToolsToOwner(chat, transport);
  const unwatch = transport.watch(chat.id, (update) => observer.onUpdate(update));
  const unsubscribe = session.report.subscribe(() => observer.look());
  const unobserve = observeIdle(chat, () => observer.look());
  return () => {
    observer.end();
    unobserve();
    unsubscribe();
    unwatch();
    giveBack();
  };
}
