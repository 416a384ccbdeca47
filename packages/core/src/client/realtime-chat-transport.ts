import { generateId } from '@ai-sdk/provider-utils';
import type { ChatTransport, FileUIPart, TextUIPart, UIMessage, UIMessageChunk } from 'ai';
import { type Clock, sleep, systemClock } from '../clock.ts';
import { ChatTransportError } from '../errors.ts';
import type { CommandReceipt, RunCommand } from '../log/run-log.ts';
import type { RealtimeSubscriber } from '../provider/realtime-subscriber.ts';
import { onWakeUp } from '../provider/wake-up.ts';
import { ChatChannel, each } from './chat-channel.ts';
import type { ChatSnapshot, ChatUpdate, ConnectionStore, TransportEvent } from './chat-update.ts';
import { pageClientId } from './client-id.ts';
import { HttpClient, type HttpOptions } from './http-client.ts';
import type { HttpError } from './http-error.ts';
import type { ChannelContext } from './http-path.ts';
import { mayStayOpen } from './open-places.ts';
import { abortOf, asDisconnect, isTransient, persist, within } from './persist.ts';
import type { RunStream } from './run-stream.ts';
import { whenStale } from './stale-send.ts';
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
  readonly #options: RealtimeChatTransportOptions<UI_MESSAGE>;
  readonly #context: ChannelContext<UI_MESSAGE>;
  readonly #channels = new Map<string, ChatChannel<UI_MESSAGE>>();
  readonly #closing = new AbortController();

  constructor(options: RealtimeChatTransportOptions<UI_MESSAGE> = {}) {
    const { subscriber, clock = systemClock } = options;
    this.#options = options;
    this.clientId = options.clientId ?? pageClientId();
    const http = new HttpClient(options);
    const emit = (event: TransportEvent) => each([options.onEvent], (onEvent) => onEvent?.(event));
    const { signal } = this.#closing;
    this.#context = {
      http,
      subscriber:
        typeof subscriber === 'function'
          ? subscriber({ api: http.api, clock, post: (path, body, own = signal) => http.post(path, body, own) })
          : subscriber,
      clock,
      timings: { ...defaultTimings, ...options.timings },
      closing: signal,
      emit,
      failed: (error) => {
        if ((error as Error | undefined)?.name !== 'AbortError') emit({ type: 'http-failed', error });
      },
    };
    const stopListening = onWakeUp(() => {
      for (const channel of this.#channels.values()) channel.wake();
    });
    signal.addEventListener('abort', stopListening);
  }

  async sendMessages({ abortSignal, ...call }: SendOptions<UI_MESSAGE>): Promise<ReadableStream<UIMessageChunk>> {
    abortSignal?.throwIfAborted();
    const request = within(this.#closing.signal);
    const channel = this.channel(call.chatId);
    channel.call = call;
    const run = channel.open(generateId(), { own: call });
    channel.view?.show(run, abortSignal);
    // An abort is answered at once; what it means is decided a moment later, and until then the POST goes on.
    this.#onAbort(channel, run, abortSignal, request);
    const sent = this.#send(channel, run, call, request.signal);
    void Promise.allSettled([sent, run.closed]).then(() => request.abort());
    try {
      // Where a proxy holds the answer back, realtime brings the run before it.
      await Promise.race([sent, run.begun, abortOf(abortSignal)]);
      abortSignal?.throwIfAborted();
    } catch (error) {
      if (!abortSignal?.aborted) {
        run.end();
        // What the AI SDK has cut for this send is put back; and the server may have begun what it did not answer.
        channel.view?.lose();
        void channel.refresh();
      }
      throw asDisconnect(error);
    }
    return run.stream;
  }

  async reconnectToStream({
    chatId,
    abortSignal,
    ...call
  }: ReconnectOptions<UI_MESSAGE>): Promise<ReadableStream<UIMessageChunk> | null> {
    const channel = this.channel(chatId);
    const { wanted } = channel;
    // React's StrictMode and hot reload abort and resume in one tick: that is no stop. What keeps in step resumes a run of its own choice.
    if (!wanted) channel.undecided?.();
    const request = within(this.#closing.signal);
    channel.call = call;
    channel.wanted = channel.letGo = undefined;
    let run: RunStream | undefined;
    // Until there is an answer, an abort is a detach.
    const detach = () => run ?? request.abort();
    abortSignal?.addEventListener('abort', detach, { signal: request.signal });
    channel.connect();
    try {
      // The chat can show one answer at a time, and what is sent here streams already.
      const sent = () => [...channel.runs].find((each) => each.own);
      if (!sent() || (wanted && wanted !== sent()?.runId)) run = await this.#resume(channel, wanted, request);
      void run?.closed.then(() => request.abort());
      // An older run's answer has its place further up: the chat's state has it.
      if (run && !sent() && run.turn >= (channel.turn ?? 0)) {
        channel.view?.show(run, abortSignal);
        this.#onAbort(channel, run, abortSignal, request);
        return run.stream;
      }
      run?.end();
      // The chat is ready once it is told that there is nothing: not before it has read all of what was sent, and what it went on with by itself.
      while (sent() && !abortSignal?.aborted)
        await Promise.race([
          sent()?.closed.then(() => sleep(this.#context.clock, 0, this.#closing.signal)),
          abortOf(abortSignal),
        ]);
    } catch (error) {
      request.abort();
      throw asDisconnect(error);
    }
    request.abort();
    return null;
  }

  /**
   * Ends a run for everybody; without `runId`, the chat's active one. Repeats itself until the server has answered.
   * @returns `not-delivered` with reason `ended` when the run was over.
   * @throws ChatTransportError what the server answered, or `network` after `timings.giveUpAfterMs`.
   */
  async cancel({ chatId, runId }: { readonly chatId: string; readonly runId?: string }): Promise<CommandReceipt> {
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
  }): Promise<CommandReceipt> {
    const message = { id: generateId(), type: 'steer', parts } as const;
    const target = runId ?? (await this.#newestRun(chatId));
    let receipt = await this.#signal(chatId, target, message);
    while (receipt.outcome === 'accepted')
      receipt = await this.#signal(chatId, target, message, `?wait=${this.#context.timings.sendMs / 2}`);
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
    const target = runId ?? (await this.#newestRun(chatId));
    const { outcome } = await this.#signal(chatId, target, { id: this.clientId, type: 'claim', toolCallId }, '?');
    const isOurs = outcome === 'delivered';
    if (isOurs) this.channel(chatId).claimedRun = target;
    return isOurs;
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
    this.#closing.abort(new ChatTransportError({ code: 'network', message: 'Transport closed.' }));
    for (const channel of this.#channels.values()) channel.close();
    this.#context.subscriber?.close?.();
  }

  /** @internal The chat's connection, for `syncChat`. */
  channel(chatId: string): ChatChannel<UI_MESSAGE> {
    let channel = this.#channels.get(chatId);
    if (!channel) {
      channel = new ChatChannel<UI_MESSAGE>(chatId, this.#context);
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
    const own = { ...call };
    const seen = new Set(channel.view?.acknowledged);
    // What these messages have seen, and not what has come while they are sent again. Who knows no turn has seen none.
    let baseTurn = (channel.view ?? channel).baseTurn ?? 0;
    let repeats = 3;
    const { http, subscriber } = this.#context;
    const post = async (attempt: AbortController): Promise<void> => {
      try {
        // Where our own server holds the socket, the answer comes there as soon as anywhere: it is not sent twice.
        const isOnSocket = channel.isLive && subscriber?.send;
        const answer = await http.send(
          own,
          { runId: run.runId, clientId: this.clientId, baseTurn },
          attempt.signal,
          isOnSocket && { accept: 'application/json' },
        );
        run.runId = answer.runId ?? run.runId;
        channel.began(run, answer.turn);
        void channel.readAnswer(run, answer, attempt);
        if (!(await mayStayOpen(attempt.signal))) attempt.abort();
      } catch (error) {
        if (run.turn > 0 && !signal.aborted) return attempt.abort();
        const state = (error as HttpError).state as ChatSnapshot<UI_MESSAGE> | undefined;
        // A plain new message goes behind what others have written since. What cuts the conversation is sent again only where it
        // cuts nobody's message. What this device had shown when it was sent is not others'.
        const next = state?.messages && whenStale(state.messages, own, seen);
        if (state) channel.adopt(state);
        if (next === 'known') return run.end();
        if (state && next === 'again' && repeats-- > 0) {
          // What the state has taken away from the chat is not sent either.
          own.messages = channel.view?.still(own.messages, state) ?? own.messages;
          baseTurn = state.turn;
          return post(attempt);
        }
        throw error;
      }
    };
    return persist(this.#context, signal, post);
  }

  async #resume(
    channel: ChatChannel<UI_MESSAGE>,
    wanted: string | undefined,
    request: AbortController,
  ): Promise<RunStream | undefined> {
    const known = channel.openKnown(wanted ?? channel.active?.runId);
    if (known) return known;
    // The snapshot alone: what follows comes by the channel's own path. An ended run is replayed only to a page that knows nothing of it.
    const query = {
      wait: 0,
      ...(wanted ? { run: wanted, from: 0, replay: 1 } : channel.baseTurn === undefined && { recent: recentMs }),
    };
    return persist(
      this.#context,
      request.signal,
      async (attempt) => {
        const answer = await this.#context.http.stream(channel.chatId, query, attempt.signal, channel.call);
        const { runId, turn } = answer;
        attempt.signal.throwIfAborted();
        if (!runId) {
          channel.baseTurn ??= turn;
          return;
        }
        // This page's messages may be older than the run's: a send is checked against the turn before it.
        channel.baseTurn ??= turn - 1;
        const run = channel.open(runId, { turn, replay: true });
        channel.active ??= { runId, turn };
        void channel.readAnswer(run, answer, attempt);
        return run;
      },
      isTransient,
    );
  }

  /** What an abort means is decided one macrotask later: a resume of the same chat in between takes it back. */
  #onAbort(
    channel: ChatChannel<UI_MESSAGE>,
    run: RunStream,
    signal: AbortSignal | undefined,
    request: AbortController,
  ): void {
    const { clock } = this.#context;
    const abort = () => {
      channel.undecided?.();
      const drop = () => {
        clock.clearTimeout(timer);
        channel.letGo = run.runId;
        run.end();
      };
      const timer = clock.setTimeout(() => {
        drop();
        request.abort();
        // A failure was told to `onEvent`, and the run's own stream has been let go of.
        if (this.#options.onAbort !== 'detach') {
          // Behind what was shown here, the run may have written more before the cancel met it.
          const told = this.cancel({ chatId: channel.chatId, runId: run.runId });
          told
            .catch(() => {
              channel.letGo = undefined;
            })
            .then(() => channel.refresh());
        }
      }, 0);
      channel.undecided = drop;
    };
    // The AI SDK's signal outlives the run: a stop of a finished answer is none of ours.
    signal?.addEventListener('abort', abort, { signal: request.signal });
  }

  /** The chat's active run; else its newest, since a fast run may have ended before its tool call is claimed. */
  async #newestRun(chatId: string): Promise<string | undefined> {
    const channel = this.channel(chatId);
    // Who does not watch the chat has not heard of what others began since.
    const known = [...channel.runs].at(-1) ?? (channel.turn === undefined ? undefined : channel.active);
    if (known) return known.runId;
    const { active, runs } = await channel.ask();
    return (active ?? runs?.at(-1))?.runId;
  }

  async #signal(
    chatId: string,
    runId: string | undefined,
    message: RunCommand | Claim,
    query = '',
  ): Promise<CommandReceipt> {
    const target = runId ?? (await this.#newestRun(chatId));
    if (!target) return { outcome: 'not-delivered', reason: 'ended' };
    const channel = this.channel(chatId);
    const { subscriber, timings } = this.#context;
    try {
      if (!query && channel.isLive && subscriber?.send) {
        const timeout = AbortSignal.timeout(timings.firstByteMs);
        return await subscriber.send(chatId, target, message as RunCommand, timeout);
      }
    } catch {
      // The HTTP way below says why, if it fails as well.
    }
    return channel.ask(`/command${query}`, { ...message, runId: target });
  }
}

/** A client tool's call, taken for one device. */
interface Claim {
  readonly id: string;
  readonly type: 'claim';
  readonly toolCallId: string;
}
