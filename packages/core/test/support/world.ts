import { Chat } from '@ai-sdk/react';
import type { ChatInit, UIMessage, UIMessageChunk } from 'ai';
import { onTestFinished } from 'vitest';
import { nextStep } from '../../src/client/ledger/chat-ledger.ts';
import { informedTurn } from '../../src/client/ledger/server-side.ts';
import {
  RealtimeChatTransport,
  type RealtimeChatTransportOptions,
  syncChat,
  type TransportEvent,
} from '../../src/index.ts';
import { memoryLog } from '../../src/memory.ts';
import type { ChannelListener, PublishLimits, RealtimeServer } from '../../src/provider.ts';
import { type ChatHandler, type ChatHandlerOptions, createChatHandler, type RespondInput } from '../../src/server.ts';

/** Waits until `condition` holds, or what it resolves with; says what `seen` was when it does not. */
export async function until(condition: () => unknown, seen: () => unknown = () => '', withinMs = 8000): Promise<void> {
  const deadline = Date.now() + withinMs;
  while (!(await condition())) {
    if (Date.now() > deadline)
      throw new Error(`Not within ${withinMs} ms: ${condition}\nSeen: ${JSON.stringify(seen(), null, 1)}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** A model whose chunks the test gives out one by one. */
export class Model {
  readonly calls: ModelCall[] = [];

  readonly respond = ({ signal, messageId, messages, steering }: RespondInput): ReadableStream<UIMessageChunk> => {
    const call = new ModelCall(signal, messageId, messages, steering);
    this.calls.push(call);
    return call.stream;
  };

  /** The call with this number, as soon as it was made. */
  async call(index = 0): Promise<ModelCall> {
    await until(
      () => this.calls.length > index,
      () => ({ calls: this.calls.length }),
    );
    return this.calls[index] as ModelCall;
  }
}

export class ModelCall {
  readonly nonce: string = crypto.randomUUID();
  readonly stream: ReadableStream<UIMessageChunk>;
  readonly signal: AbortSignal;
  readonly messageId: string;
  readonly messages: UIMessage[];
  readonly steering: RespondInput['steering'];
  #controller!: ReadableStreamDefaultController<UIMessageChunk>;
  #texts = 0;

  constructor(signal: AbortSignal, messageId: string, messages: UIMessage[], steering: RespondInput['steering']) {
    this.signal = signal;
    this.messageId = messageId;
    this.messages = messages;
    this.steering = steering;
    this.stream = new ReadableStream({
      start: (controller) => {
        this.#controller = controller;
      },
    });
    this.push(
      { type: 'start', messageMetadata: { nonce: this.nonce } },
      { type: 'start-step' },
      { type: 'text-start', id: '0' },
    );
  }

  push(...chunks: UIMessageChunk[]): void {
    for (const chunk of chunks) this.#controller.enqueue(chunk);
  }

  /** Says words, one chunk each. */
  say(text: string): void {
    for (const word of text.match(/\S+\s*/g) ?? [])
      this.push({ type: 'text-delta', id: String(this.#texts), delta: word });
  }

  /** Ends this text and begins another. */
  paragraph(): void {
    this.push({ type: 'text-end', id: String(this.#texts) }, { type: 'text-start', id: String(++this.#texts) });
  }

  finish(): void {
    this.push(
      { type: 'text-end', id: String(this.#texts) },
      { type: 'finish-step' },
      { type: 'finish', finishReason: 'stop' },
    );
    this.#controller.close();
  }

  fail(error: unknown): void {
    this.#controller.error(error);
  }
}

/** A realtime service in memory that can lose messages and connections. */
export class Service implements RealtimeServer {
  readonly name = 'test';
  readonly limits: PublishLimits = { maxMessageBytes: 65_536, flushIntervalMs: 0 };
  readonly listeners: Set<{ device: Network; channel: string; listener: ChannelListener }> = new Set();
  published = 0;

  channelName(chatId: string): string {
    return `chat-${chatId}`;
  }

  async publish(channel: string, data: string): Promise<void> {
    this.published++;
    for (const each of [...this.listeners]) {
      if (each.channel === channel && each.device.realtime && !each.device.drop(data)) each.listener.onMessage(data);
    }
  }
}

/** An answer that never comes, until its request is given up. */
export function never({ signal }: Request): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
}

/** What one device's network lets through. */
export class Network {
  /** Whether realtime messages come. Set by `setRealtime`, so that the subscription is told. */
  realtime = true;
  /** Which realtime messages are lost. */
  drop: (data: string) => boolean = () => false;
  /** `down`: no request goes out. `cut`: answers break off. `held`: bodies come only when they are whole. */
  http: 'up' | 'down' = 'up';
  readonly blocked: Set<'response' | 'sse' | 'held'> = new Set();
  readonly requests: string[] = [];
  /** Something in front of the server: answers by itself where it returns a response. */
  intercept: (request: Request, forward: () => Promise<Response>) => Promise<Response> | undefined = () => undefined;
  readonly #bodies = new Set<{ kind: 'response' | 'sse'; cut: () => void }>();
  #asking = 0;

  /** Breaks what is open of a kind, and blocks it from now on. */
  block(kind: 'response' | 'sse' | 'held'): void {
    this.blocked.add(kind);
    for (const body of [...this.#bodies]) if (body.kind === kind || kind === 'held') body.cut();
  }

  cutHttp(): void {
    this.http = 'down';
    for (const body of [...this.#bodies]) body.cut();
  }

  /** How many answers are being read. */
  get open(): number {
    return this.#bodies.size;
  }

  /** Whether no request waits for its answer, and no answer is being read. */
  get isIdle(): boolean {
    return this.#asking === 0 && this.open === 0;
  }

  fetch(handler: () => ChatHandler): typeof globalThis.fetch {
    return (input, init) => {
      this.#asking++;
      return this.#answer(handler, input, init).finally(() => this.#asking--);
    };
  }

  async #answer(
    handler: () => ChatHandler,
    input: Parameters<typeof globalThis.fetch>[0],
    init: RequestInit | undefined,
  ): Promise<Response> {
    const request = new Request(new URL(String(input), 'http://test.local'), init);
    const { pathname, search } = new URL(request.url);
    this.requests.push(`${request.method} ${pathname}${search}`);
    if (this.http === 'down') throw new TypeError('fetch failed');
    const forward = () => handler()(request);
    const response = await (this.intercept(request, forward) ?? forward());
    // As over a real network: the device may be gone by the time the answer comes.
    if ((this.http as string) === 'down') throw new TypeError('fetch failed');
    const isPoll = search.includes('wait=');
    const kind = request.method === 'POST' ? 'response' : 'sse';
    if (!response.body || isPoll || response.headers.get('content-type')?.includes('json')) return response;
    if (this.blocked.has(kind)) {
      await response.body.cancel();
      throw new TypeError('network error');
    }
    if (this.blocked.has('held'))
      return new Response(this.#cuttable(new ReadableStream(), kind, init?.signal), { headers: response.headers });
    return new Response(this.#cuttable(response.body, kind, init?.signal), {
      status: response.status,
      headers: response.headers,
    });
  }

  #cuttable(
    body: ReadableStream<Uint8Array>,
    kind: 'response' | 'sse',
    signal: AbortSignal | null | undefined,
  ): ReadableStream<Uint8Array> {
    const reader = body.getReader();
    let entry: { kind: 'response' | 'sse'; cut: () => void };
    return new ReadableStream({
      start: (controller) => {
        entry = {
          kind,
          cut: () => {
            this.#bodies.delete(entry);
            reader.cancel().catch(() => {});
            controller.error(new TypeError('network error'));
          },
        };
        this.#bodies.add(entry);
        signal?.addEventListener('abort', entry.cut);
      },
      pull: async (controller) => {
        const { done, value } = await reader.read();
        if (!done) return controller.enqueue(value);
        this.#bodies.delete(entry);
        controller.close();
      },
      cancel: (reason) => {
        this.#bodies.delete(entry);
        return reader.cancel(reason);
      },
    });
  }
}

export type DeviceOptions = Omit<RealtimeChatTransportOptions, 'subscriber' | 'fetch'> & {
  readonly realtime?: boolean;
};

/** Short waits, so that faults are noticed within a test. */
export const quickTimings = {
  graceMs: 50,
  gapMs: 20,
  firstByteMs: 300,
  stallMs: 2000,
  silenceMs: 300,
  pollMs: 1000,
  giveUpAfterMs: 5000,
  lingerMs: 200,
} as const;

/** A browser: one transport with its own network. */
export class Device {
  readonly network: Network = new Network();
  readonly events: TransportEvent[] = [];
  readonly transport: RealtimeChatTransport;
  readonly #service: Service;

  constructor(world: World, { realtime = true, ...options }: DeviceOptions = {}) {
    this.#service = world.service;
    this.network.realtime = realtime;
    this.transport = new RealtimeChatTransport({
      clientId: crypto.randomUUID(),
      timings: quickTimings,
      ...options,
      fetch: this.network.fetch(() => world.handler),
      onEvent: (event) => this.events.push(event),
      subscriber: {
        name: 'test',
        subscribe: (chatId, listener, signal) => {
          const entry = { device: this.network, channel: this.#service.channelName(chatId), listener };
          this.#service.listeners.add(entry);
          signal.addEventListener('abort', () => this.#service.listeners.delete(entry));
          queueMicrotask(() => this.network.realtime && listener.onLive());
        },
      },
    });
    onTestFinished(() => this.transport.close());
  }

  setRealtime(on: boolean): void {
    this.network.realtime = on;
    for (const { device, listener } of this.#service.listeners) {
      if (device === this.network) on ? listener.onLive() : listener.onInterrupted();
    }
  }

  /** Everything goes: as when the network is lost. */
  cut(): void {
    this.setRealtime(false);
    this.network.cutHttp();
  }

  restore(): void {
    this.network.http = 'up';
    this.setRealtime(true);
  }

  chat(id: string, init: ChatInit<UIMessage> = {}): Chat<UIMessage> {
    return new Chat<UIMessage>({ id, transport: this.transport, ...init });
  }

  synced(id: string, init: ChatInit<UIMessage> = {}): Chat<UIMessage> {
    const chat = this.chat(id, init);
    onTestFinished(syncChat(chat, this.transport));
    return chat;
  }

  path(id: string): string | null {
    return this.transport.connection(id).getSnapshot().path;
  }
}

/** A server with one log, and its devices. */
export class World {
  readonly model: Model = new Model();
  readonly service: Service = new Service();
  readonly log: ReturnType<typeof memoryLog>;
  readonly finished: { runId: string; outcome: string; messages: UIMessage[] }[] = [];
  handler: ChatHandler;
  readonly #options: Partial<ChatHandlerOptions>;

  constructor(options: Partial<ChatHandlerOptions> = {}) {
    this.log = memoryLog();
    this.#options = options;
    this.handler = this.newServer();
    onTestFinished(() => this.log.close());
  }

  /** Another server on the same log and service. */
  newServer(options: Partial<ChatHandlerOptions> = {}): ChatHandler {
    return createChatHandler({
      realtime: this.service,
      log: this.log,
      authorize: () => true,
      respond: this.model.respond,
      onFinish: ({ runId, outcome, messages }) => {
        this.finished.push({ runId, outcome, messages });
      },
      heartbeatMs: 500,
      ...this.#options,
      ...options,
    });
  }

  device(options?: DeviceOptions): Device {
    return new Device(this, options);
  }
}

/** The text of a chat's messages, one string each: `user: hi`. */
export function texts(chat: { readonly messages: readonly UIMessage[] }): string[] {
  return chat.messages.map(
    ({ role, parts }) => `${role}: ${parts.flatMap((part) => (part.type === 'text' ? [part.text] : [])).join('|')}`,
  );
}

/** The nonces of a chat's answers: a second generation would show as another one. */
export function nonces(chat: { readonly messages: readonly UIMessage[] }): unknown[] {
  return chat.messages
    .filter(({ role }) => role === 'assistant')
    .map(({ metadata }) => (metadata as { nonce?: string } | undefined)?.nonce);
}

/** Whether the device's watchers know of the chat up to this turn. */
export function informed({ transport }: Device, turn: number, chatId = 'c'): boolean {
  return informedTurn(transport.session(chatId).ledger.server) === turn;
}

/** Everything that is known of the chat `c` is shown, and nothing is to be done for it. */
export function isSettled({ transport }: Device): boolean {
  const { ledger } = transport.session('c');
  return (
    ledger.server.reading.kind === 'none' && ledger.shown.place.kind === 'whole' && nextStep(ledger).kind === 'none'
  );
}
