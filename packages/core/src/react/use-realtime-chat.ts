import { Chat, type UseChatHelpers, type UseChatOptions, useChat } from '@ai-sdk/react';
import type { ChatInit, UIMessage } from 'ai';
import { useCallback, useEffect, useRef, useSyncExternalStore } from 'react';
import type { Connection } from '../client/chat-update.ts';
import type { RealtimeChatTransport } from '../client/realtime-chat-transport.ts';
import { isBusy, syncChat } from '../client/sync-chat.ts';
import type { SignalReceipt } from '../log/run-log.ts';

/** The options of `useRealtimeChat`: those of `useChat`, with a transport of this project and the chat's id. `resume` is always on. */
export type UseRealtimeChatOptions<UI_MESSAGE extends UIMessage = UIMessage> = Omit<
  ChatInit<UI_MESSAGE>,
  'id' | 'transport'
> &
  Pick<Extract<UseChatOptions<UI_MESSAGE>, ChatInit<UI_MESSAGE>>, 'throttle'> & {
    readonly id: string;
    readonly transport: RealtimeChatTransport<UI_MESSAGE>;
  };

/** What `useRealtimeChat` returns: everything of `useChat`, and these. */
export type UseRealtimeChatHelpers<UI_MESSAGE extends UIMessage = UIMessage> = UseChatHelpers<UI_MESSAGE> & {
  /** Ends the answer on every device. Waits, at most `stopWaitMs`, for the run's end, so that this device shows what all others show. */
  readonly stop: () => Promise<void>;
  /** Adds a user message to the running answer. Resolves with what became of it. */
  readonly steer: (text: string) => Promise<SignalReceipt>;
  /** How the chat is connected. */
  readonly connection: Connection;
};

/** How long `stop` waits for the run's end before it lets go, in milliseconds. */
export const stopWaitMs = 2000;
/** How long a chat that no component shows is kept, in milliseconds; longer while it is busy. */
export const keepChatMs = 60_000;

/**
 * `useChat` with every device of the chat in step. The chat is kept outside the component: navigation detaches and never cancels.
 */
export function useRealtimeChat<UI_MESSAGE extends UIMessage = UIMessage>(
  options: UseRealtimeChatOptions<UI_MESSAGE>,
): UseRealtimeChatHelpers<UI_MESSAGE> {
  const { id, transport, throttle } = options;
  const kept = keptChat(options);
  const latest = useRef(options);
  latest.current = options;
  useEffect(() => {
    kept.callbacks = latest;
    return kept.hold();
  }, [kept]);

  const helpers = useChat<UI_MESSAGE>({ chat: kept.chat, ...(throttle !== undefined && { throttle }) });
  const store = transport.connection(id);
  const connection = useSyncExternalStore(store.subscribe, store.getSnapshot, store.getSnapshot);
  const stop = useCallback(() => kept.stop(), [kept]);
  const steer = useCallback((text: string) => transport.steer({ chatId: id, text }), [transport, id]);
  return { ...helpers, id, stop, steer, connection };
}

/** A chat outside React: shared by all components that show it, kept in step while one of them does and a little longer. */
class KeptChat<UI_MESSAGE extends UIMessage> {
  readonly chat: Chat<UI_MESSAGE>;
  callbacks: { readonly current: UseRealtimeChatOptions<UI_MESSAGE> };
  readonly #transport: RealtimeChatTransport<UI_MESSAGE>;
  readonly #forget: () => void;
  #holders = 0;
  #unsync: (() => void) | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: UseRealtimeChatOptions<UI_MESSAGE>, forget: () => void) {
    this.callbacks = { current: options };
    this.#transport = options.transport;
    this.#forget = forget;
    const latest = () => this.callbacks.current;
    this.chat = new Chat<UI_MESSAGE>({
      ...options,
      onToolCall: (call) => latest().onToolCall?.(call),
      onData: (part) => latest().onData?.(part),
      onFinish: (result) => latest().onFinish?.(result),
      onError: (error) => latest().onError?.(error),
      sendAutomaticallyWhen: (state) => latest().sendAutomaticallyWhen?.(state) ?? false,
    });
  }

  hold(): () => void {
    clearTimeout(this.#timer);
    this.#holders++;
    this.#unsync ??= syncChat(this.chat, this.#transport);
    return () => {
      if (--this.#holders === 0) this.#timer = setTimeout(() => this.#release(), keepChatMs);
    };
  }

  async stop(): Promise<void> {
    if (!isBusy(this.chat)) return this.chat.stop();
    const until = Date.now() + stopWaitMs;
    void this.#transport.cancel({ chatId: this.chat.id }).catch(() => {});
    while (isBusy(this.chat) && Date.now() < until) await new Promise((resolve) => setTimeout(resolve, 16));
    await this.chat.stop();
  }

  #release(): void {
    if (isBusy(this.chat)) {
      this.#timer = setTimeout(() => this.#release(), keepChatMs);
      return;
    }
    this.#unsync?.();
    this.#forget();
  }
}

const keptChats = new WeakMap<object, Map<string, KeptChat<UIMessage>>>();

function keptChat<UI_MESSAGE extends UIMessage>(options: UseRealtimeChatOptions<UI_MESSAGE>): KeptChat<UI_MESSAGE> {
  const { id, transport } = options;
  const chats = keptChats.get(transport) ?? new Map<string, KeptChat<UIMessage>>();
  keptChats.set(transport, chats);
  let kept = chats.get(id) as KeptChat<UI_MESSAGE> | undefined;
  if (!kept) {
    kept = new KeptChat(options, () => chats.delete(id));
    // A server renders once and forgets: it keeps nothing between requests.
    if (typeof window !== 'undefined') chats.set(id, kept as unknown as KeptChat<UIMessage>);
  }
  return kept;
}
