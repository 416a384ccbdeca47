import type { ChatTransport, FileUIPart, TextUIPart, UIMessage, UIMessageChunk } from 'ai';
import { type Clock, systemClock } from '../clock.ts';
import { ChatTransportError } from '../errors.ts';
import type { CommandReceipt } from '../log/run-log.ts';
import type { RealtimeSubscriber } from '../provider/realtime-subscriber.ts';
import { onWakeUp } from '../provider/wake-up.ts';
import { ChatSession } from './chat-session.ts';
import type { ChatUpdate, ConnectionStore, TransportEvent } from './chat-update.ts';
import { pageClientId } from './client-id.ts';
import { each } from './each.ts';
import { HttpClient, type HttpOptions } from './http-client.ts';
import { createPageClock } from './page-clock.ts';
import { ownMetadata, resumeRun } from './resume-run.ts';
import { sendRun } from './send-run.ts';
import type { SessionContext } from './session-context.ts';
import { defaultTimings, type Timings } from './timings.ts';

/** The options of `RealtimeChatTransport`: those of the AI SDK's HTTP transport, and these. */
export interface RealtimeChatTransportOptions<UI_MESSAGE extends UIMessage = UIMessage>
  extends HttpOptions<UI_MESSAGE> {
  /** The provider's browser half. Without one, answers come over HTTP alone. The function form is for providers whose credential comes from `POST {api}/auth`. */
  readonly subscriber?: RealtimeSubscriber | ((context: SubscriberContext) => RealtimeSubscriber) | undefined;
  /** What an abort by the AI SDK (`stop()`) does. `cancel` (default): ends the run for everybody. `detach`: the run goes on. */
  readonly onAbort?: 'cancel' | 'detach' | undefined;
  /** Who this device is: decides which device runs client tools. Default: an id of the page, kept over a reload. */
  readonly clientId?: string | undefined;
  /** The waits, in milliseconds; see `Timings`. */
  readonly timings?: Partial<Timings> | undefined;
  readonly clock?: Clock | undefined;
  readonly onEvent?: ((event: TransportEvent) => void) | undefined;
}

/** What core lends a subscriber. */
export interface SubscriberContext {
  /** Posts JSON under the base address, with the transport's headers and credentials. Throws `ChatTransportError`. */
  post(path: string, body: object, signal?: AbortSignal): Promise<Response>;
  /** The base address, without a slash at its end. */
  readonly api: string;
  readonly clock: Clock;
}

/**
 * A chunk of an answer, of the kinds and with the values that every `ai` 7 knows, so that the transport also fits the `Chat` of an older copy (those for Vue and Svelte
 * bring one). Newer kinds are passed on all the same: an AI SDK that does not know a kind ignores it.
 */
export type AnswerChunk =
  | Exclude<UIMessageChunk, { type: 'steering-message' | 'finish' }>
  | (Omit<FinishChunk, 'finishReason'> & {
      finishReason?: Exclude<FinishChunk['finishReason'], 'interrupted' | undefined>;
    });

type FinishChunk = Extract<UIMessageChunk, { type: 'finish' }>;

/** How many chats that nobody uses are remembered, without their frames. */
const maxUnusedSessions = 64;

/** How many transports were made. */
let made = 0;

type SendOptions<UI_MESSAGE extends UIMessage> = Parameters<ChatTransport<UI_MESSAGE>['sendMessages']>[0];
type ReconnectOptions<UI_MESSAGE extends UIMessage> = Parameters<ChatTransport<UI_MESSAGE>['reconnectToStream']>[0];

/**
 * A `ChatTransport` whose answers belong to the chat and not to a connection. Works with HTTP alone; a provider's subclass adds its realtime service.
 * Calls reject with `ChatTransportError`; a request that got no response for `timings.giveUpAfterMs` fails with a `TypeError` that the AI SDK takes for a disconnect.
 */
export class RealtimeChatTransport<UI_MESSAGE extends UIMessage = UIMessage> implements ChatTransport<UI_MESSAGE> {
  readonly resumeStreamIsReplay = true;
  readonly clientId: string;
  readonly #context: SessionContext<UI_MESSAGE>;
  readonly #sessions = new Map<string, ChatSession<UI_MESSAGE>>();
  readonly #closing = new AbortController();

  constructor(options: RealtimeChatTransportOptions<UI_MESSAGE> = {}) {
    const { subscriber, clock = systemClock, onAbort = 'cancel' } = options;
    this.clientId = options.clientId ?? pageClientId();
    const http = new HttpClient(options);
    const emit = (event: TransportEvent) => each([options.onEvent], (onEvent) => onEvent?.(event));
    const { signal } = this.#closing;
    const timings = { ...defaultTimings, ...options.timings };
    this.#context = {
      http,
      subscriber:
        typeof subscriber === 'function'
          ? subscriber({ api: http.api, clock, post: (path, body, own = signal) => http.post(path, body, own) })
          : subscriber,
      clientId: this.clientId,
      serial: made++,
      onAbort,
      clock,
      timings,
      now: createPageClock(clock, timings.sendMs),
      closing: signal,
      emit,
      failed: (error) => {
        if ((error as Error | undefined)?.name !== 'AbortError') emit({ type: 'http-failed', error });
      },
    };
  }

  async sendMessages({ metadata, ...options }: SendOptions<UI_MESSAGE>): Promise<ReadableStream<AnswerChunk>> {
    options.abortSignal?.throwIfAborted();
    this.#closing.signal.throwIfAborted();
    const call = { ...options, metadata: ownMetadata(metadata) };
    const session = this.session(call.chatId);
    session.use(call);
    return sendRun(session, call) as Promise<ReadableStream<AnswerChunk>>;
  }

  async reconnectToStream(options: ReconnectOptions<UI_MESSAGE>): Promise<ReadableStream<AnswerChunk> | null> {
    return resumeRun(this.session(options.chatId), options) as Promise<ReadableStream<AnswerChunk> | null>;
  }

  /**
   * Ends a run for everybody; without `runId`, the chat's active one. Repeats itself until the server has answered.
   * @returns `not-delivered` with reason `ended` when the run was over.
   * @throws ChatTransportError what the server answered, or `network` after `timings.giveUpAfterMs`.
   */
  async cancel({ chatId, runId }: { readonly chatId: string; readonly runId?: string }): Promise<CommandReceipt> {
    return this.session(chatId).commands.cancel(runId);
  }

  /**
   * Adds a user message to a running answer at its next step; without `runId`, to the chat's active run. Steers reach the server in the order
   * of the calls.
   * @returns the final outcome: `delivered`, or `not-delivered` with the AI SDK's reason or `ended`.
   * @throws ChatTransportError as `cancel`.
   */
  async steer({
    chatId,
    runId,
    text = '',
    parts = [{ type: 'text', text }],
  }: {
    readonly chatId: string;
    readonly runId?: string;
    readonly text?: string;
    readonly parts?: readonly (TextUIPart | FileUIPart)[];
  }): Promise<CommandReceipt> {
    return this.session(chatId).commands.steer(runId, parts);
  }

  /** Takes a client tool's call for this device. False when another device has it: only one may run it. Throws as `cancel`. */
  async claimToolCall({
    chatId,
    runId,
    toolCallId,
  }: {
    readonly chatId: string;
    readonly runId?: string;
    readonly toolCallId: string;
  }): Promise<boolean> {
    const session = this.session(chatId);
    const target = runId ?? (await session.newestRun());
    if (!target || !(await session.commands.claim(target, toolCallId))) return false;
    session.dispatch({ type: 'claimed', runId: target });
    return true;
  }

  /** Informs `watcher` of the chat's state and then of each turn that starts or ends, on any device, until the returned function is called. */
  watch(chatId: string, watcher: (update: ChatUpdate<UI_MESSAGE>) => void): () => void {
    return this.session(chatId).watch(watcher);
  }

  /** How the chat is connected: readable, and subscribable as React's `useSyncExternalStore` wants it. */
  connection(chatId: string): ConnectionStore {
    return this.session(chatId).report;
  }

  /** Ends every stream and subscription. Runs go on. Idempotent. */
  close(): void {
    this.#closing.abort(new ChatTransportError({ code: 'network', message: 'The transport was closed.' }));
    for (const session of this.#sessions.values()) session.close();
    this.#context.subscriber?.close?.();
  }

  /** @internal One chat on this page, for `syncChat`. */
  session(chatId: string): ChatSession<UI_MESSAGE> {
    let session = this.#sessions.get(chatId);
    if (!session) {
      session = new ChatSession<UI_MESSAGE>(chatId, this.#context);
      this.#evict();
      // A transport that a server makes to render a page has no sessions, and is collected: nothing refers to it.
      if (this.#sessions.size === 0) this.#listen();
      this.#sessions.set(chatId, session);
    }
    return session;
  }

  #listen(): void {
    const { signal } = this.#closing;
    if (signal.aborted) return;
    const wake = () => each(this.#sessions.values(), (session) => session.wake());
    const lose = () => each(this.#sessions.values(), (session) => session.networkLost());
    signal.addEventListener('abort', onWakeUp(wake));
    globalThis.addEventListener?.('offline', lose, { signal });
  }

  #evict(): void {
    const unused = [...this.#sessions].filter(([, { isUnused }]) => isUnused);
    for (const [chatId, session] of unused.slice(0, -maxUnusedSessions)) {
      session.leave();
      this.#sessions.delete(chatId);
    }
  }
}
