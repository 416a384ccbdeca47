import { ChatTransportError } from '../errors.ts';
import type { RealtimeSubscriber } from '../provider/realtime-subscriber.ts';
import type { Health } from './path-plan.ts';
import type { LineContext } from './session-context.ts';

/**
 * What a chat's subscription is: `none`, `joining` until HTTP takes over, `live`, `behind` (live, but a read of the log
 * has brought what it had lost), or `down`.
 */
export type RealtimeState = Health['realtime'];

export type RealtimeEvent =
  /** A subscription was asked for, or waits for its turn. Until `until`, in page time, nothing else is tried. */
  | { readonly type: 'opened' | 'queued'; readonly until: number }
  /** The service reports that it delivers, does not any more, or never will. */
  | { readonly type: 'live' | 'interrupted' | 'failed' }
  /** The service brought something. */
  | { readonly type: 'heard' }
  /** The log had what the service should have brought. */
  | { readonly type: 'missed' }
  | { readonly type: 'closed' };

/** The one transition function of a subscription. */
export function nextRealtime(state: RealtimeState, event: RealtimeEvent): RealtimeState {
  switch (event.type) {
    case 'opened':
      return { kind: 'joining', until: event.until };
    case 'queued':
      return state.kind === 'joining' ? { kind: 'joining', until: event.until } : state;
    case 'live':
      return { kind: 'live' };
    case 'heard':
      return state.kind === 'behind' ? { kind: 'live' } : state;
    case 'missed':
      return state.kind === 'live' ? { kind: 'behind' } : state;
    case 'interrupted':
      return { kind: 'down' };
    case 'failed':
    case 'closed':
      return { kind: 'none' };
  }
}

/** What takes what a subscription brings. */
export interface RealtimeSink {
  onMessage(data: string): void;
  /** The state has changed; never because of `open` or `close`. */
  onState(state: RealtimeState): void;
}

/** A chat's subscription to the transport's realtime service. */
export class RealtimeLink {
  readonly #chatId: string;
  readonly #context: LineContext;
  readonly #sink: RealtimeSink;
  #state: RealtimeState = { kind: 'none' };
  #subscription: AbortController | undefined;
  #subscriber: RealtimeSubscriber | undefined;
  #heardAt = 0;
  #liveAt = 0;

  constructor(chatId: string, context: LineContext, sink: RealtimeSink) {
    this.#chatId = chatId;
    this.#context = context;
    this.#sink = sink;
  }

  get state(): RealtimeState {
    return this.#state;
  }

  get isLive(): boolean {
    return this.#state.kind === 'live';
  }

  /** The service of the newest subscription. */
  get subscriber(): RealtimeSubscriber | undefined {
    return this.#subscriber;
  }

  /** Since when the service has delivered everything, as it reports, in page time. */
  get liveAt(): number {
    return this.#liveAt;
  }

  /** When the service brought something last, in page time. */
  get heardAt(): number {
    return this.#heardAt;
  }

  /**
   * Subscribes, unless that is done. In the next task, so that a request of this moment leaves before a socket is set
   * up.
   */
  open(): void {
    const { subscriber, clock, timings, now, emit } = this.#context;
    if (this.#subscription || !subscriber) return;
    const subscription = new AbortController();
    const { signal } = subscription;
    this.#subscription = subscription;
    this.#subscriber = subscriber;
    // Nothing is planned again for this: the plan looks when the deadline that it knows has passed.
    const wait = (type: 'opened' | 'queued') => {
      this.#state = nextRealtime(this.#state, { type, until: now() + timings.graceMs });
    };
    wait('opened');
    const chatId = this.#chatId;
    /** Nothing of a subscription that was given up reaches the chat. */
    const current =
      <T extends unknown[]>(act: (...args: T) => void) =>
      (...args: T): void => {
        if (!signal.aborted) act(...args);
      };
    const listener = {
      onMessage: current((data: string) => {
        this.#heardAt = now();
        this.#sink.onMessage(data);
        // A path that fell behind is trusted again once it brings something.
        this.#on({ type: 'heard' });
      }),
      onQueued: current(() => wait('queued')),
      onLive: current(() => this.#on({ type: 'live' }, true)),
      onInterrupted: current(() => this.#on({ type: 'interrupted' })),
      onFailed: current((error: unknown) => {
        // The next send or wake-up tries again: somebody may have logged in since.
        this.#end();
        this.#on({ type: 'failed' });
        emit({ type: 'realtime-failed', chatId, error });
      }),
      onRefused: current((error: unknown) => emit({ type: 'realtime-failed', chatId, error })),
    };
    const timer = clock.setTimeout(() => {
      if (signal.aborted) return;
      try {
        subscriber.subscribe(chatId, listener, signal);
      } catch (cause) {
        // The vendor's client may throw, and so may the app's function that makes it. This task has no caller that
        // could catch it.
        const message = `${subscriber.name} could not subscribe: ${cause instanceof Error ? cause.message : String(cause)}`;
        listener.onFailed(new ChatTransportError({ code: 'provider-failed', message, cause }));
      }
    }, 0);
    signal.addEventListener('abort', () => clock.clearTimeout(timer));
  }

  /** A read brought what the service should have brought long before. */
  missed(): void {
    this.#on({ type: 'missed' });
  }

  close(): void {
    this.#end();
    this.#state = nextRealtime(this.#state, { type: 'closed' });
  }

  #end(): void {
    this.#subscription?.abort();
    this.#subscription = undefined;
  }

  #on(event: RealtimeEvent, isNews = false): void {
    const old = this.#state;
    this.#state = nextRealtime(old, event);
    if (this.#state.kind === 'live' && old.kind !== 'live') this.#liveAt = this.#context.now();
    if (isNews || this.#state !== old) this.#sink.onState(this.#state);
  }
}
