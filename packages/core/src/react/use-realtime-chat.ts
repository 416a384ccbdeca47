import { Chat, type UseChatHelpers, type UseChatOptions, useChat } from '@ai-sdk/react';
import type { ChatInit, UIMessage } from 'ai';
import { useCallback, useEffect, useRef, useSyncExternalStore } from 'react';
import type { ChatReport } from '../client/chat-report.ts';
import { isBusy } from '../client/chat-status.ts';
import type { Connection } from '../client/chat-update.ts';
import type { RealtimeChatTransport } from '../client/realtime-chat-transport.ts';
import { emptyReport } from '../client/report-store.ts';
import { type SyncedChat, syncChat } from '../client/sync-chat.ts';
import { standIn } from '../client/tool-owner.ts';
import type { CommandReceipt } from '../log/run-log.ts';

/** The options of `useRealtimeChat`: those of `useChat`, with a transport of this project and the chat's id. */
export type UseRealtimeChatOptions<UI_MESSAGE extends UIMessage = UIMessage> = Omit<
  Extract<UseChatOptions<UI_MESSAGE>, ChatInit<UI_MESSAGE>>,
  'id' | 'transport' | 'resume'
> & {
  readonly id: string;
  /** A transport whose type of messages is the general one is accepted, as by `useChat`. */
  readonly transport: RealtimeChatTransport<UI_MESSAGE> | RealtimeChatTransport;
  /** Always on. Accepted so that the options of `useChat` can be passed as they are. */
  readonly resume?: true;
};

/** What `useRealtimeChat` returns: everything of `useChat`, and these. */
export type UseRealtimeChatHelpers<UI_MESSAGE extends UIMessage = UIMessage> = UseChatHelpers<UI_MESSAGE> & {
  /**
   * Ends the answer on every device. Waits, at most `stopWaitMs`, for the run's end, so that this device shows what all others show.
   * Rejects with a `ChatTransportError` when the server refuses.
   */
  readonly stop: () => Promise<void>;
  /** Adds a user message to the running answer. Resolves with what became of it. Rejects as `stop`. */
  readonly steer: (text: string) => Promise<CommandReceipt>;
  /** How the chat is connected. */
  readonly connection: Connection;
  /** The sends of this device that the server has not accepted: `sending`, or `refused` with their error. */
  readonly unsent: ChatReport['unsent'];
  /** How each answer ended, by the id of its message. */
  readonly outcomes: ChatReport['outcomes'];
  /**
   * Sends a refused message, edit, regenerate or tool answer again, by the `messageId` in `unsent`. Does not reject: a new refusal is in `unsent` and
   * in `error`.
   */
  readonly resend: (messageId: string) => Promise<void>;
  /** Gives up a refused send. */
  readonly discard: (messageId: string) => void;
};

/** How long a chat that no component shows is kept, in milliseconds; longer while it is busy. */
export const keepChatMs = 60_000;

/**
 * `useChat` with every device of the chat synchronized. The chat is kept outside the component: navigation detaches and never cancels.
 */
export function useRealtimeChat<UI_MESSAGE extends UIMessage = UIMessage>(
  options: UseRealtimeChatOptions<UI_MESSAGE>,
): UseRealtimeChatHelpers<UI_MESSAGE> {
  const { id, transport, throttle = options.experimental_throttle } = options;
  const kept = keptChat(options);
  const latest = useRef(options);
  latest.current = options;
  useEffect(() => kept.hold(latest), [kept]);

  const helpers = useChat<UI_MESSAGE>({ chat: kept.chat, ...(throttle !== undefined && { throttle }) });
  const subscribe = useCallback(
    (onChange: () => void) => transport.connection(id).subscribe(onChange),
    [transport, id],
  );
  const report = useSyncExternalStore(
    subscribe,
    () => transport.session(id).report.getReport(),
    // A server, and the page while it takes over what the server rendered, has nothing to report.
    () => emptyReport,
  );
  const steer = useCallback((text: string) => transport.steer({ chatId: id, text }), [transport, id]);
  const { stop, resend, discard } = kept;
  return { ...helpers, id, stop, steer, resend, discard, ...report };
}

type Latest<UI_MESSAGE extends UIMessage> = { readonly current: UseRealtimeChatOptions<UI_MESSAGE> };

type CallbackName = 'onToolCall' | 'sendAutomaticallyWhen' | 'onData' | 'onFinish' | 'onError';

/** A chat outside React: shared by all components that show it, kept synchronized while one of them shows it, and for `keepChatMs` after that. */
class KeptChat<UI_MESSAGE extends UIMessage> {
  readonly chat: Chat<UI_MESSAGE>;
  readonly #transport: UseRealtimeChatOptions<UI_MESSAGE>['transport'];
  readonly #chats: Map<string, KeptChat<UI_MESSAGE>>;
  /** The options of each component that shows the chat, newest last. */
  readonly #holders = new Set<Latest<UI_MESSAGE>>();
  /** The options of the component that came, or went, last: its callbacks are called while no component shows the chat. */
  #last: Latest<UI_MESSAGE>;
  #synced: SyncedChat | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: UseRealtimeChatOptions<UI_MESSAGE>, chats: Map<string, KeptChat<UI_MESSAGE>>) {
    this.#last = { current: options };
    this.#transport = options.transport;
    this.#chats = chats;
    this.chat = new Chat<UI_MESSAGE>({
      ...options,
      onToolCall: standIn(() => this.#callback('onToolCall')),
      sendAutomaticallyWhen: standIn(() => this.#callback('sendAutomaticallyWhen')),
      onData: (part) => this.#callback('onData')?.(part),
      onFinish: (result) => this.#callback('onFinish')?.(result),
      onError: (error) => this.#callback('onError')?.(error),
    });
    // A server renders once, so it keeps nothing between requests.
    if (typeof window === 'undefined') return;
    chats.set(options.id, this);
    // React may throw a render away before it is shown.
    this.#releaseLater();
  }

  hold(latest: Latest<UI_MESSAGE>): () => void {
    clearTimeout(this.#timer);
    this.#holders.add(latest);
    this.#last = latest;
    this.#chats.set(this.chat.id, this);
    this.#synced ??= syncChat(this.chat, this.#transport);
    return () => {
      this.#holders.delete(latest);
      this.#last = latest;
      if (this.#holders.size === 0) this.#releaseLater();
    };
  }

  /** A callback of the newest component that has it: a sidebar without callbacks takes none from the main view. */
  #callback<NAME extends CallbackName>(name: NAME): UseRealtimeChatOptions<UI_MESSAGE>[NAME] | undefined {
    const holders = this.#holders.size > 0 ? [...this.#holders] : [this.#last];
    return holders.findLast(({ current }) => current[name])?.current[name];
  }

  // The same functions at every render.
  readonly stop = (): Promise<void> => (this.#synced ?? this.chat).stop();
  readonly resend = async (messageId: string): Promise<void> => this.#synced?.resend(messageId);
  readonly discard = (messageId: string): void => this.#synced?.discard(messageId);

  #releaseLater(): void {
    this.#timer = setTimeout(() => {
      if (isBusy(this.chat)) return this.#releaseLater();
      this.#synced?.();
      this.#synced = undefined;
      if (this.#chats.get(this.chat.id) === this) this.#chats.delete(this.chat.id);
    }, keepChatMs);
  }
}

const keptChats = new WeakMap<object, Map<string, KeptChat<UIMessage>>>();

function keptChat<UI_MESSAGE extends UIMessage>(options: UseRealtimeChatOptions<UI_MESSAGE>): KeptChat<UI_MESSAGE> {
  const { id, transport } = options;
  const chats = (keptChats.get(transport) ?? new Map()) as Map<string, KeptChat<UI_MESSAGE>>;
  keptChats.set(transport, chats as unknown as Map<string, KeptChat<UIMessage>>);
  return chats.get(id) ?? new KeptChat(options, chats);
}
