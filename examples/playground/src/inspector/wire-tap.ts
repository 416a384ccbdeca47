import type { TransportEvent } from '@chat-transport/core';
import { decodeFrame, type Frame, readSse } from '@chat-transport/core/provider';
import {
  emptyInspection,
  type Inspection,
  type SeenFrame,
  type Traffic,
  type Way,
  withEvent,
  withFrame,
  withTraffic,
} from './inspection.ts';

/**
 * Listens to the wire of one transport: to its requests, its sockets, and what it reports. Nothing is changed or held back. Pass `fetch`,
 * `webSocket` and `onEvent` to the transport.
 */
export class WireTap {
  readonly #listeners = new Set<() => void>();
  #inspection = emptyInspection;
  #isPlanned = false;

  getSnapshot: () => Inspection = () => this.#inspection;

  subscribe: (listener: () => void) => () => void = (listener) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  readonly onEvent = (event: TransportEvent): void => {
    const text = event.error instanceof Error ? event.error.message : String(event.error);
    this.#set(withEvent(this.#inspection, event.type, text));
  };

  readonly fetch: typeof fetch = async (input, init) => {
    const url = new URL(input instanceof Request ? input.url : input, location.href);
    const request = await fetch(input, init);
    const isEvents = request.headers.get('content-type')?.startsWith('text/event-stream') ?? false;
    const way = isEvents ? wayOf(url, init?.method) : 'other';
    this.#count(way, { count: 1, sent: typeof init?.body === 'string' ? bytesOf(init.body) : 0 });
    return request.body ? this.#listen(request, way, url, init) : request;
  };

  /** A WebSocket class whose sockets are listened to. */
  readonly webSocket: typeof WebSocket = this.#socketClass();

  #listen(response: Response, way: Way, url: URL, init: RequestInit | undefined): Response {
    let copy: ReadableStreamDefaultController<Uint8Array> | undefined;
    if (way !== 'other') {
      const start = (controller: ReadableStreamDefaultController<Uint8Array>): void => {
        copy = controller;
      };
      const body = new ReadableStream<Uint8Array>({ start });
      void this.#readFrames(body, response, way, url, init);
    }
    const tap = new TransformStream<Uint8Array, Uint8Array>({
      transform: (bytes, controller) => {
        this.#count(way, { received: bytes.byteLength });
        copy?.enqueue(bytes.slice());
        controller.enqueue(bytes);
      },
      flush: () => copy?.close(),
    });
    return new Response(response.body?.pipeThrough(tap), response);
  }

  async #readFrames(
    body: ReadableStream<Uint8Array>,
    { headers }: Response,
    way: Way,
    url: URL,
    init: RequestInit | undefined,
  ): Promise<void> {
    const chatId = chatIdOf(url, init);
    const answer = {
      body,
      runId: headers.get('x-chat-run-id') ?? undefined,
      turn: Number(headers.get('x-chat-turn') ?? 0),
    };
    const from = url.searchParams.has('run') ? Number(url.searchParams.get('from') ?? 0) : 0;
    await readSse(answer, from, false, {
      onFrame: (frame) => this.#frame(seen(chatId, way, frame)),
      onBytes: () => {},
      // The transport reports it.
      onMalformed: () => {},
    });
  }

  #socketClass(): typeof WebSocket {
    const tap = this;
    return class extends WebSocket {
      /** The newest frame of each chat: a short message refers to it. PROTOCOL.md section 10.3. */
      readonly #newest = new Map<string, SeenFrame>();

      constructor(url: string | URL, protocols?: string | string[]) {
        super(url, protocols);
        this.addEventListener('message', ({ data }) => this.#onMessage(String(data)));
      }

      override send(data: string): void {
        tap.#count('realtime', { sent: bytesOf(data) });
        super.send(data);
      }

      #onMessage(text: string): void {
        tap.#count('realtime', { count: 1, received: bytesOf(text) });
        if (text.startsWith('{')) return;
        const [chatId = ''] = text.split(' ', 1);
        const message = text.slice(chatId.length + 1);
        const frame = message.startsWith('+') ? nextOf(this.#newest.get(chatId)) : decoded(chatId, message);
        if (!frame) return;
        this.#newest.set(chatId, frame);
        tap.#frame(frame);
      }
    };
  }

  #frame(frame: SeenFrame): void {
    this.#set(withFrame(this.#inspection, frame));
  }

  #count(way: Way, traffic: Partial<Traffic>): void {
    this.#set(withTraffic(this.#inspection, way, traffic));
  }

  /** Listeners are called once per picture of the screen, however much comes. */
  #set(inspection: Inspection): void {
    this.#inspection = inspection;
    if (this.#isPlanned) return;
    this.#isPlanned = true;
    requestAnimationFrame(() => {
      this.#isPlanned = false;
      for (const listener of this.#listeners) listener();
    });
  }
}

const encoder = new TextEncoder();

function bytesOf(text: string): number {
  return encoder.encode(text).byteLength;
}

/** By what kind of request a stream was opened. */
function wayOf({ searchParams }: URL, method = 'GET'): Way {
  if (method === 'POST') return 'response';
  const wait = searchParams.get('wait');
  return wait === null ? 'sse' : wait === '0' ? 'read' : 'poll';
}

function chatIdOf({ pathname }: URL, init: RequestInit | undefined): string {
  const named = new Headers(init?.headers).get('x-chat-id');
  return named ?? pathname.split('/').at(-2) ?? '';
}

function seen(chatId: string, way: Way, frame: Frame): SeenFrame {
  const { run: runId, turn } = frame;
  const base = { chatId, way, runId, turn };
  if ('start' in frame) return { ...base, kind: 'start', at: 0, next: 0 };
  if ('end' in frame) return { ...base, kind: 'end', at: frame.at, next: frame.at, end: frame.end.reason };
  return { ...base, kind: 'chunks' in frame ? 'chunks' : 'pointer', at: frame.at, next: frame.next };
}

function decoded(chatId: string, message: string): SeenFrame | undefined {
  try {
    return seen(chatId, 'realtime', decodeFrame(message));
  } catch {
    // The transport reports it.
    return undefined;
  }
}

function nextOf(frame: SeenFrame | undefined): SeenFrame | undefined {
  return frame && { ...frame, at: frame.next, next: frame.next + 1 };
}
