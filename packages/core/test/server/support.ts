import { Chat } from '@ai-sdk/react';
import { memoryLog } from '@chat-transport/core/memory';
import {
  decodeFrame,
  type EndReason,
  type Frame,
  type RealtimeServer,
  type RunLog,
} from '@chat-transport/core/provider';
import {
  type ChatHandler,
  type ChatHandlerOptions,
  createChatHandler,
  type FinishInput,
  type RespondInput,
  type ServerEvent,
} from '@chat-transport/core/server';
import { type ChatInit, DefaultChatTransport, type UIMessage, type UIMessageChunk } from 'ai';
import { createParser } from 'eventsource-parser';
import { type Clock, systemClock } from '../../src/clock.ts';

/** Waits for a condition, or for what it resolves with; the error says what did arrive. */
export async function until<T>(
  what: string,
  look: () => T | undefined | false | Promise<T | undefined | false>,
  seen: () => unknown = () => undefined,
): Promise<T> {
  const deadline = Date.now() + 10_000;
  for (;;) {
    const value = await look();
    if (value !== undefined && value !== false) return value;
    if (Date.now() > deadline) throw new Error(`${what} did not happen; seen: ${JSON.stringify(seen())}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** Something that a server answered: the tests say what they expect of it. */
// biome-ignore lint/suspicious/noExplicitAny: untyped on purpose.
export type Answer = any;

/** A model that the test writes by hand. */
export interface ScriptedModel {
  readonly input: RespondInput;
  push(...chunks: UIMessageChunk[]): void;
  text(text: string): void;
  close(): void;
  fail(error: unknown): void;
  /** Whether the reader has let go of the stream. */
  left: boolean;
}

export interface World {
  readonly handler: ChatHandler;
  readonly log: RunLog;
  readonly models: ScriptedModel[];
  readonly events: ServerEvent[];
  readonly finished: FinishInput[];
  /** The newest model, once `respond` was called `count` times. */
  model(count?: number): Promise<ScriptedModel>;
  fetch(path: string, init?: RequestInit): Promise<Response>;
  post(path: string, body: unknown, init?: RequestInit): Promise<Response>;
  send(body: object, init?: RequestInit): Promise<Response>;
  command(chatId: string, body: object, query?: string): Promise<{ outcome: string; reason?: string }>;
  state(chatId: string): Promise<Answer>;
}

/** The deadline of runs, which passes when the test says so and not before. */
export interface HeldDeadline {
  readonly options: Required<Pick<ChatHandlerOptions, 'deadlineMs' | 'clock'>>;
  pass(): void;
}

/** A deadline for the runs of one process. */
export function heldDeadline(): HeldDeadline {
  const deadlineMs = 3_600_000;
  const pending: (() => void)[] = [];
  const clock: Clock = {
    ...systemClock,
    setTimeout(callback, delayMs) {
      if (delayMs === deadlineMs) pending.push(callback);
      return systemClock.setTimeout(callback, delayMs);
    },
  };
  return {
    options: { deadlineMs, clock },
    pass() {
      for (const callback of pending.splice(0)) callback();
    },
  };
}

const origin = 'http://localhost';

/** A handler over a memory log, with models written by hand unless `respond` is given. */
export function createWorld(options: Partial<ChatHandlerOptions> & { log?: RunLog } = {}): World {
  const models: ScriptedModel[] = [];
  const events: ServerEvent[] = [];
  const finished: FinishInput[] = [];
  const log = options.log ?? options.realtime?.log ?? memoryLog();
  const handler = createChatHandler({
    authorize: () => true,
    respond: (input) => {
      const { model, stream } = scriptedModel(input);
      models.push(model);
      return stream;
    },
    onFinish: (input) => void finished.push(input),
    ...options,
    log,
    onEvent: (event) => {
      events.push(event);
      options.onEvent?.(event);
    },
  });
  const fetch = (path: string, init?: RequestInit) => handler(new Request(`${origin}/api/chat${path}`, init));
  const post = (path: string, body: unknown, init: RequestInit = {}) =>
    fetch(path, {
      method: 'POST',
      body: JSON.stringify(body),
      ...init,
      headers: { 'content-type': 'application/json', ...(init.headers as Record<string, string>) },
    });
  return {
    handler,
    log,
    models,
    events,
    finished,
    model: (count = 1) =>
      until(
        `respond call ${count}`,
        () => models[count - 1],
        () => events,
      ),
    fetch,
    post,
    send: (body, init) => post('', body, init),
    command: async (chatId, body, query = '') => (await post(`/${chatId}/command${query}`, body)).json(),
    state: async (chatId) => (await fetch(`/${chatId}`)).json(),
  };
}

function scriptedModel(input: RespondInput): { model: ScriptedModel; stream: ReadableStream<UIMessageChunk> } {
  let controller!: ReadableStreamDefaultController<UIMessageChunk>;
  let open = false;
  const stream = new ReadableStream<UIMessageChunk>({
    start: (given) => {
      controller = given;
    },
    cancel: () => {
      model.left = true;
    },
  });
  const model: ScriptedModel = {
    input,
    left: false,
    push: (...chunks) => {
      for (const chunk of chunks) controller.enqueue(chunk);
    },
    text: (text) => {
      if (!open) model.push({ type: 'text-start', id: 't' });
      open = true;
      model.push({ type: 'text-delta', id: 't', delta: text });
    },
    close: () => {
      if (open) model.push({ type: 'text-end', id: 't' });
      model.push({ type: 'finish' });
      controller.close();
    },
    fail: (error) => controller.error(error),
  };
  return { model, stream };
}

export function user(id: string, text: string): UIMessage {
  return { id, role: 'user', parts: [{ type: 'text', text }] };
}

export function textOf(message: UIMessage | undefined): string {
  return (message?.parts ?? []).map((part) => (part.type === 'text' ? part.text : `[${part.type}]`)).join('');
}

/** A real `Chat` on the stock, unmodified transport. */
export function stockChat(
  world: World,
  id: string,
  init: Omit<ChatInit<UIMessage>, 'id' | 'transport'> = {},
): Chat<UIMessage> {
  const fetch: typeof globalThis.fetch = (input, requestInit) =>
    world.handler(new Request(new URL(String(input), origin), requestInit));
  return new Chat({ id, transport: new DefaultChatTransport({ fetch }), ...init });
}

export interface SseEvent {
  readonly id?: string;
  readonly event?: string;
  readonly data: string;
}

/** Reads an SSE response as it comes. */
export class SseReader {
  readonly events: SseEvent[] = [];
  readonly comments: string[] = [];
  text = '';
  done = false;
  /** Why the stream broke off, where it did. */
  broken: unknown;
  /** Resolves when the stream has closed or broken off. */
  readonly closed: Promise<void>;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;

  constructor(response: Response) {
    if (!response.body || response.status !== 200) throw new Error(`no stream: ${response.status}`);
    this.#reader = response.body.getReader();
    this.closed = this.#read().catch((error: unknown) => {
      this.broken = error;
    });
  }

  async #read(): Promise<void> {
    const parser = createParser({
      onEvent: ({ id, event, data }) => {
        this.events.push({ data, ...(id !== undefined && { id }), ...(event !== undefined && { event }) });
      },
      onComment: (comment) => void this.comments.push(comment),
    });
    const decoder = new TextDecoder();
    for (;;) {
      const { done, value } = await this.#reader.read();
      if (done) break;
      const text = decoder.decode(value, { stream: true });
      this.text += text;
      parser.feed(text);
    }
    this.done = true;
  }

  get chunks(): UIMessageChunk[] {
    return this.events.filter(({ event, data }) => !event && data !== '[DONE]').map(({ data }) => JSON.parse(data));
  }

  get frames(): Frame[] {
    return this.events.filter(({ event }) => event === 'frame').map(({ data }) => JSON.parse(data));
  }

  get streamedText(): string {
    return this.chunks.map((chunk) => (chunk.type === 'text-delta' ? chunk.delta : '')).join('');
  }

  /** The id of the run's end, if it came. */
  get end(): string | undefined {
    return this.events.find(({ data }) => data === '[DONE]')?.id;
  }

  saw(text: string): Promise<unknown> {
    return until(
      `text "${text}"`,
      () => this.streamedText.includes(text),
      () => this.text,
    );
  }

  cancel(): Promise<void> {
    return this.#reader.cancel();
  }
}

/** A realtime service that keeps what is published. */
export function recordingRealtime(
  overrides: Partial<RealtimeServer> = {},
): RealtimeServer & { readonly published: { channel: string; frame: Answer }[] } {
  const published: { channel: string; frame: Answer }[] = [];
  return {
    name: 'recording',
    limits: { maxMessageBytes: 65_536, flushIntervalMs: 0 },
    channelName: (chatId) => `chat-${chatId}`,
    publish: async (channel, data) => void published.push({ channel, frame: decodeFrame(data) }),
    published,
    ...overrides,
  };
}

export function ended(world: World, reason: EndReason, runId?: string): Promise<ServerEvent> {
  return until(
    `the end "${reason}"`,
    () =>
      world.events.find(
        (event) => event.type === 'run-ended' && event.reason === reason && (!runId || event.runId === runId),
      ),
    () => world.events,
  );
}

/** A model that says `word ` so many times, one each `ms`. */
export async function* paced(words: number, ms: number): AsyncGenerator<UIMessageChunk> {
  yield { type: 'text-start', id: 't' };
  for (let index = 0; index < words; index += 1) {
    await new Promise((resolve) => setTimeout(resolve, ms));
    yield { type: 'text-delta', id: 't', delta: 'word ' };
  }
  yield { type: 'text-end', id: 't' };
}
