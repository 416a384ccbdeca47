import { generateId } from '@ai-sdk/provider-utils';
import type { ChatTransport, FileUIPart, TextUIPart, UIMessage, UIMessageChunk } from 'ai';
import { ChatTransportError } from '../errors.ts';
import type { Signal, SignalReceipt } from '../log/run-log.ts';
import type { RealtimeSubscriber } from '../provider/realtime-subscriber.ts';
import { ChatChannel } from './chat-channel.ts';
import type { ChatSnapshot, ChatUpdate, ConnectionStore, TransportEvent } from './chat-update.ts';
import { pageClientId } from './client-id.ts';
import { backoffMs, type Clock, sleep, systemClock } from './clock.ts';
import { HttpClient, HttpError, type HttpOptions } from './http-client.ts';
import type { RunStream } from './run-stream.ts';
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

/** How long an ended run is still replayed to a page that has just loaded, in milliseconds: its messages may be older. */
const recentMs = 60_000;

type SendOptions<UI_MESSAGE extends UIMessage> = Parameters<ChatTransport<UI_MESSAGE>['sendMessages']>[0];
type ReconnectOptions<UI_MESSAGE extends UIMessage> = Parameters<ChatTransport<UI_MESSAGE>['reconnectToStream']>[0];

/**
 * A `ChatTransport` whose answers belong to the chat and not to a connection. Works with HTTP alone; a provider's subclass adds its realtime service.
 * Calls reject with `ChatTransportError`; what got no answer for `timings.giveUpAfterMs` fails with a `TypeError` that the AI SDK takes for a disconnect.
 */
export class RealtimeChatTransport<UI_MESSAGE extends UIMessage = UIMessage> implements ChatTransport<UI_MESSAGE> {
  readonly resumeStreamIsReplay = true;
  readonly clientId: string;
  readonly #http: HttpClient<UI_MESSAGE>;
  readonly #subscriber: RealtimeSubscriber | undefined;
  readonly #options: RealtimeChatTransportOptions<UI_MESSAGE>;
  readonly #clock: Clock;
  readonly #timings: Timings;
  readonly #channels = new Map<string, ChatChannel<UI_MESSAGE>>();
  /** Per chat: takes back an abort that has not become a cancel yet. */
  readonly #undecided = new Map<string, () => void>();
  readonly #closing = new AbortController();

  constructor(options: RealtimeChatTransportOptions<UI_MESSAGE> = {}) {
    const { subscriber, clock = systemClock } = options;
    this.#options = options;
    this.#clock = clock;
    this.#timings = { ...defaultTimings, ...options.timings };
    this.clientId = options.clientId ?? pageClientId();
    const http = new HttpClient(options);
    this.#http = http;
    this.#subscriber =
      typeof subscriber === 'function'
        ? subscriber({ api: http.api, clock, post: (path, body, signal) => http.post(path, body, signal) })
        : subscriber;
    const wake = () => {
      for (const channel of this.#channels.values()) channel.wake();
    };
    const { signal } = this.#closing;
    for (const type of ['online', 'pageshow']) globalThis.addEventListener?.(type, wake, { signal });
    globalThis.document?.addEventListener('visibilitychange', wake, { signal });
  }

  async sendMessages({ abortSignal, ...call }: SendOptions<UI_MESSAGE>): Promise<ReadableStream<UIMessageChunk>> {
    abortSignal?.throwIfAborted();
    const channel = this.channel(call.chatId);
    const run = channel.open(generateId(), { own: true });
    const request = new AbortController();
    // An abort is answered at once; what it means is decided a moment later, and until then the POST goes on.
    const aborted = new Promise<never>((_, reject) => {
      this.#onAbort(channel, run, abortSignal, request, () => reject(abortSignal?.reason));
    });
    try {
      await Promise.race([this.#send(channel, run, call, request.signal), aborted]);
    } catch (error) {
      if (!abortSignal?.aborted) run.detach();
      throw asDisconnect(error);
    }
    return run.stream;
  }

  async reconnectToStream({
    chatId,
    abortSignal,
    ...call
  }: ReconnectOptions<UI_MESSAGE>): Promise<ReadableStream<UIMessageChunk> | null> {
    // React's StrictMode and hot reload abort and resume in one tick: that is no stop.
    this.#undecided.get(chatId)?.();
    const channel = this.channel(chatId);
    const own = [...channel.runs].find((run) => run.own);
    if (own) {
      await own.closed;
      return null;
    }
    channel.connect();
    const request = new AbortController();
    const detach = () => request.abort(abortSignal?.reason);
    abortSignal?.addEventListener('abort', detach);
    try {
      const run = await this.#resume(channel, call, request);
      if (!run) return null;
      this.#onAbort(channel, run, abortSignal, request);
      return run.stream;
    } catch (error) {
      throw asDisconnect(error);
    } finally {
      abortSignal?.removeEventListener('abort', detach);
    }
  }

  /**
   * Ends a run for everybody; without `runId`, the chat's active one. Repeats itself until the server has answered.
   * @returns `not-delivered` with reason `ended` when the run was over.
   * @throws ChatTransportError what the server answered, or `network` after `timings.giveUpAfterMs`.
   */
  async cancel({ chatId, runId }: { readonly chatId: string; readonly runId?: string }): Promise<SignalReceipt> {
    return this.#signal(chatId, runId, { id: generateId(), type: 'cancel' });
  }

  /**
   * Adds a user message to a running answer at its next step; without `runId`, to the chat's active run.
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
  }): Promise<SignalReceipt> {
    const message = { id: generateId(), type: 'steer', parts } as const;
    const target = runId ?? (await this.#newestRun(chatId));
    let receipt = await this.#signal(chatId, target, message);
    while (receipt.outcome === 'accepted')
      receipt = await this.#signal(chatId, target, message, `?wait=${this.#timings.pollMs}`);
    return receipt;
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
    const { outcome } = await this.#signal(chatId, runId, { id: this.clientId, type: 'claim', toolCallId }, '?');
    if (outcome === 'delivered') this.channel(chatId).owner = this.clientId;
    return outcome === 'delivered';
  }

  /** Tells `watcher` the chat's state and then each turn that starts or ends, on any device, until the returned function is called. */
  watch(chatId: string, watcher: (update: ChatUpdate<UI_MESSAGE>) => void): () => void {
    return this.channel(chatId).watch(watcher);
  }

  /** How the chat is connected: readable, and subscribable as React's `useSyncExternalStore` wants it. */
  connection(chatId: string): ConnectionStore {
    return this.channel(chatId);
  }

  /** Ends every stream and subscription. Runs go on. Idempotent. */
  close(): void {
    this.#closing.abort();
    for (const channel of this.#channels.values()) channel.close();
    this.#subscriber?.close?.();
  }

  /** @internal The chat's connection, for `syncChat`. */
  channel(chatId: string): ChatChannel<UI_MESSAGE> {
    this.#closing.signal.throwIfAborted();
    let channel = this.#channels.get(chatId);
    if (!channel) {
      channel = new ChatChannel<UI_MESSAGE>(chatId, this.#subscriber, {
        http: this.#http,
        clientId: this.clientId,
        clock: this.#clock,
        timings: this.#timings,
        emit: (event) => this.#options.onEvent?.(event),
      });
      this.#channels.set(chatId, channel);
    }
    return channel;
  }

  /** Posts until the server has answered; resolves when the run is known to have begun, by the answer or by realtime. */
  #send(
    channel: ChatChannel<UI_MESSAGE>,
    run: RunStream,
    call: Omit<SendOptions<UI_MESSAGE>, 'abortSignal'>,
    signal: AbortSignal,
  ): Promise<void> {
    let { messages } = call;
    let isBehind = 3;
    const post = async (failures: number): Promise<void> => {
      const { baseTurn } = channel;
      const attempt = new AbortController();
      const abort = () => attempt.abort(signal.reason);
      signal.addEventListener('abort', abort, { signal: attempt.signal });
      const timer = this.#clock.setTimeout(abort, this.#timings.sendMs * (failures + 1));
      try {
        const response = await this.#http.send(
          { ...call, messages },
          { runId: run.runId, clientId: this.clientId, baseTurn },
          attempt.signal,
        );
        run.runId = response.headers.get('x-chat-run-id') ?? run.runId;
        channel.began(run, Number(response.headers.get('x-chat-turn')));
        void channel.readResponse(run, response, attempt);
      } catch (error) {
        attempt.abort();
        if (run.turn > 0 && !signal.aborted) return;
        const { state } = error instanceof HttpError ? error.body : {};
        if (state) channel.adopt(state as ChatSnapshot<UI_MESSAGE>);
        // A plain new message is sent again behind what others have written since. What cuts the conversation is sent again
        // only where it cuts nobody's message.
        const known = state?.messages as UI_MESSAGE[] | undefined;
        const isPlain = call.trigger === 'submit-message' && !call.messageId;
        if (known && (isPlain || cutsAnswersOnly(known, call)) && isBehind-- > 0) {
          if (isPlain) messages = withOwn(known, call.messages);
          return post(failures);
        }
        // What the AI SDK has cut for this send is put back.
        if (!isUnanswered(error)) channel.refresh();
        throw error;
      } finally {
        this.#clock.clearTimeout(timer);
      }
    };
    return this.#persist(post, signal);
  }

  async #resume(
    channel: ChatChannel<UI_MESSAGE>,
    call: Omit<ReconnectOptions<UI_MESSAGE>, 'chatId' | 'abortSignal'>,
    request: AbortController,
  ): Promise<RunStream | undefined> {
    const { wanted } = channel;
    channel.wanted = undefined;
    const start = channel.startOf(wanted ?? channel.active?.runId);
    if (start) return channel.open(start.run, { turn: start.turn });
    // The snapshot alone: what follows comes by the channel's own path. An ended run is replayed only to a page that knows nothing of it.
    const query = {
      wait: 0,
      ...(wanted ? { run: wanted, from: 0, replay: 1 } : channel.baseTurn === undefined && { recent: recentMs }),
    };
    const response = await this.#persist(
      () => this.#http.stream(channel.chatId, query, request.signal, call),
      request.signal,
    );
    const turn = Number(response.headers.get('x-chat-turn'));
    const runId = response.headers.get('x-chat-run-id');
    request.signal.throwIfAborted();
    if (response.status === 204 || !runId) {
      request.abort();
      channel.baseTurn ??= turn;
      return;
    }
    // This page's messages may be older than the run's: a send is checked against the turn before it.
    channel.baseTurn ??= turn - 1;
    const run = channel.open(runId, { turn, replay: true });
    channel.active ??= { runId, turn };
    void channel.readResponse(run, response, request);
    return run;
  }

  /** What an abort means is decided one macrotask later: a resume of the same chat in between takes it back. */
  #onAbort(
    channel: ChatChannel<UI_MESSAGE>,
    run: RunStream,
    signal: AbortSignal | undefined,
    request: AbortController,
    atOnce?: () => void,
  ): void {
    const { chatId } = channel;
    const abort = () => {
      atOnce?.();
      this.#undecided.get(chatId)?.();
      const drop = () => {
        this.#clock.clearTimeout(timer);
        this.#undecided.delete(chatId);
        run.detach();
      };
      const timer = this.#clock.setTimeout(() => {
        drop();
        request.abort();
        // A failure was told to `onEvent`, and the run's own stream has been let go of.
        if (this.#options.onAbort !== 'detach') this.cancel({ chatId, runId: run.runId }).catch(() => {});
      }, 0);
      this.#undecided.set(chatId, drop);
    };
    signal?.addEventListener('abort', abort);
    // The AI SDK's signal outlives the run: a stop of a finished answer is none of ours.
    void run.closed.then((reason) => reason && signal?.removeEventListener('abort', abort));
  }

  async #newestRun(chatId: string): Promise<string | undefined> {
    const channel = this.channel(chatId);
    return [...channel.runs].at(-1)?.runId ?? channel.active?.runId ?? (await channel.readState()).active?.runId;
  }

  async #signal(
    chatId: string,
    runId: string | undefined,
    message: Signal | Claim,
    query = '',
  ): Promise<SignalReceipt> {
    const target = runId ?? (await this.#newestRun(chatId));
    if (!target) return { outcome: 'not-delivered', reason: 'ended' };
    const { signal } = this.#closing;
    try {
      if (!query && this.channel(chatId).getSnapshot().path === 'realtime' && this.#subscriber?.send) {
        return await this.#subscriber.send(
          chatId,
          target,
          message as Signal,
          AbortSignal.timeout(this.#timings.firstByteMs),
        );
      }
    } catch {
      // The HTTP way below says why, if it fails as well.
    }
    return this.#persist(
      () => this.#http.json(`/${encodeURIComponent(chatId)}/signal${query}`, { ...message, runId: target }, signal),
      signal,
    );
  }

  /** Repeats a request that got no answer, until `giveUpAfterMs` has passed. */
  async #persist<T>(request: (failures: number) => Promise<T>, signal: AbortSignal): Promise<T> {
    const until = this.#clock.now() + this.#timings.giveUpAfterMs;
    for (let failures = 0; ; failures++) {
      try {
        return await request(failures);
      } catch (error) {
        signal.throwIfAborted();
        this.#options.onEvent?.({ type: 'http-failed', error });
        if (!isUnanswered(error) || this.#clock.now() >= until) throw error;
        await sleep(this.#clock, backoffMs(failures), signal);
        signal.throwIfAborted();
      }
    }
  }
}

/** A client tool's call, taken for one device. */
interface Claim {
  readonly id: string;
  readonly type: 'claim';
  readonly toolCallId: string;
}

/** Whether the server may not have seen the request: nothing answered, or something in front of it did. */
function isUnanswered(error: unknown): boolean {
  return error instanceof HttpError
    ? error.status > 501
    : !ChatTransportError.isInstance(error) || error.code === 'network';
}

/** The AI SDK resumes after a `TypeError` with "network" in its message. */
function asDisconnect(error: unknown): unknown {
  return ChatTransportError.isInstance(error) && error.code === 'network'
    ? new TypeError(`network error: ${error.message}`, { cause: error })
    : error;
}

/** Whether a regenerate leaves all that the server knows but answers at the end. */
function cutsAnswersOnly<UI_MESSAGE extends UIMessage>(
  known: UI_MESSAGE[],
  { trigger, messages }: { trigger: string; messages: UI_MESSAGE[] },
): boolean {
  return (
    trigger === 'regenerate-message' &&
    known.every(({ id, role }, at) => (at < messages.length ? messages[at]?.id === id : role === 'assistant'))
  );
}

/** What the server knows, and behind it this device's own new messages: those after its last answer that the server does not know. */
function withOwn<UI_MESSAGE extends UIMessage>(known: UI_MESSAGE[], messages: UI_MESSAGE[]): UI_MESSAGE[] {
  const own = messages.slice(messages.findLastIndex((message) => message.role === 'assistant') + 1);
  return [...known, ...own.filter(({ id }) => known.every((message) => message.id !== id))];
}
