import { randomUUID } from 'node:crypto';
import type { RealtimeHost } from '@chat-transport/core/provider';
import { isId } from '@chat-transport/core/provider';
import { chatIdHeader } from '@chat-transport/core/server';
import {
  safeValidateWebSocketChatTransportRequest,
  type WebSocketChatTransportResumeRequest,
  type WebSocketChatTransportSendRequest,
} from 'ai';
import { EventSourceParserStream } from 'eventsource-parser/stream';
import { hostRequest } from './host-request.ts';
import type { ResolvedOptions } from './options.ts';
import type { SocketConnection } from './socket-connection.ts';
import { type BytesToText, parseJson } from './text.ts';

/** How long an error's text may be, in UTF-16 units. */
const maxErrorLength = 1_000;

interface OpenRequest {
  readonly frame: WebSocketChatTransportSendRequest | WebSocketChatTransportResumeRequest;
  /** The run that an abort cancels; unknown until a resume is answered. */
  runId: string | undefined;
  /** Why nobody waits for it any more: the client's abort, or a socket that is gone. */
  left: 'aborted' | 'detached' | undefined;
  reader?: ReadableStreamDefaultReader<{ data: string }>;
}

/**
 * Answers the wire of the AI SDK's `WebSocketChatTransport` on one socket: `send` and `resume` become the requests that
 * a stock HTTP client makes, and their event streams become frames.
 * @source `ai` 7.0.173, `src/ui/websocket-chat-transport.ts` and its reference page (read 2026-11-22)
 */
export class StockBridge {
  readonly #host: RealtimeHost;
  readonly #connection: SocketConnection;
  readonly #maxRequests: number;
  readonly #frameHeaders: ReadonlySet<string>;
  readonly #requests = new Map<string, OpenRequest>();
  /** Per chat: the cancel that is under way. */
  readonly #cancels = new Map<string, Promise<void>>();

  constructor(
    host: RealtimeHost,
    connection: SocketConnection,
    { maxRequestsPerConnection: maxRequests, frameHeaders }: ResolvedOptions,
  ) {
    this.#host = host;
    this.#connection = connection;
    this.#maxRequests = maxRequests;
    this.#frameHeaders = new Set(frameHeaders.map((name) => name.toLowerCase()));
  }

  /**
   * Handles one frame, and returns whether it belongs to this wire. A request with invalid content fails alone: the
   * socket may carry others.
   */
  async receive(value: unknown): Promise<boolean> {
    const validated = await safeValidateWebSocketChatTransportRequest({ value });
    if (!validated.success) {
      const requestId = (value as { requestId?: unknown } | null | undefined)?.requestId;
      if (typeof requestId !== 'string' || this.#requests.has(requestId)) return false;
      await this.#fail(requestId, validated.error.message);
      return true;
    }
    const frame = validated.data;
    if (frame.type === 'abort') {
      this.#abort(frame.requestId);
      return true;
    }
    if (this.#requests.has(frame.requestId)) return false;
    if (!isId(frame.id)) await this.#fail(frame.requestId, 'The chat id must match ^[A-Za-z0-9_-]{1,128}$.');
    else if (this.#requests.size >= this.#maxRequests) {
      await this.#fail(frame.requestId, `This socket has ${this.#maxRequests} requests open, which is the limit.`);
    } else if (frame.type === 'resume' && frame.lastSequence !== undefined) {
      await this.#fail(frame.requestId, 'A resume replays from the start: leave `lastSequence` out.');
    } else void this.#answer(frame);
    return true;
  }

  /** The socket is gone: ends the streams. The runs go on. */
  close(): void {
    for (const open of this.#requests.values()) {
      open.left = 'detached';
      void open.reader?.cancel().catch(() => {});
    }
    this.#requests.clear();
  }

  async #answer(frame: OpenRequest['frame']): Promise<void> {
    const { requestId } = frame;
    // The bridge names the run, so that an abort that overtakes the answer has something to cancel.
    const runId = frame.type === 'send' ? ((frame.body as { runId?: string }).runId ?? randomUUID()) : undefined;
    const open: OpenRequest = { frame, runId, left: undefined };
    this.#requests.set(requestId, open);
    try {
      // Otherwise a user who stops and sends again at once would be refused as busy.
      if (frame.type === 'send') await this.#cancels.get(frame.id);
      const response = await this.#host.handle(this.#requestFor(frame, runId));
      const named = response.headers.get('x-chat-run-id') ?? runId;
      if (open.left) {
        await response.body?.cancel();
        // Another device may have begun the same continuation first: then this is the run that the abort meant.
        if (open.left === 'aborted' && frame.type === 'send' && named !== runId) await this.#cancel(frame, named);
        return;
      }
      open.runId = named;
      if (response.ok) this.#connection.proved = true;
      if (response.status === 204) await this.#say(`{"type":"no-active","requestId":${JSON.stringify(requestId)}}`);
      else if (!response.ok) await this.#fail(requestId, await errorTextOf(response));
      else await this.#stream(open, response);
    } catch {
      if (!open.left) await this.#fail(requestId, 'The chat request failed.');
    } finally {
      if (this.#requests.get(requestId) === open) this.#requests.delete(requestId);
    }
  }

  #requestFor(frame: OpenRequest['frame'], runId: string | undefined): Request {
    const { api } = this.#host;
    const { handshake } = this.#connection;
    if (frame.type === 'resume') {
      return hostRequest(handshake, `${api}/${frame.id}/stream`, {
        method: 'GET',
        headers: this.#headersOf(frame),
      });
    }
    const { id, messages, trigger, messageId, metadata } = frame;
    const body = {
      ...(metadata === undefined ? {} : { metadata }),
      ...frame.body,
      id,
      messages,
      trigger,
      messageId,
      runId,
    };
    return hostRequest(handshake, api, {
      method: 'POST',
      headers: { ...this.#headersOf(frame), [chatIdHeader]: id },
      body,
    });
  }

  /** The headers of a frame that may stand in its request. */
  #headersOf({ headers }: OpenRequest['frame']): Record<string, string> {
    const own = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value] as const);
    return Object.fromEntries(own.filter(([name]) => this.#frameHeaders.has(name)));
  }

  async #stream(open: OpenRequest, response: Response): Promise<void> {
    const { requestId, type } = open.frame;
    const id = JSON.stringify(requestId);
    if (type === 'resume') await this.#say(`{"type":"start","requestId":${id}}`);
    const events = response.body
      ?.pipeThrough(new TextDecoderStream() as BytesToText)
      .pipeThrough(new EventSourceParserStream());
    const reader = events?.getReader();
    if (!reader) return this.#fail(requestId, 'The chat request was answered without a stream.');
    open.reader = reader;
    // An abort that came while `start` waited for room found no reader to cancel.
    if (open.left) return reader.cancel();
    for (let sequence = 0; ; sequence += 1) {
      const { done, value } = await reader.read();
      if (open.left) return;
      // A stream that stops without its end has a gap: the stock client must not take it for finished.
      if (done) return this.#fail(requestId, 'The network connection to the answer was lost. Resume to read on.');
      if (value.data === '[DONE]') {
        void reader.cancel().catch(() => {});
        return this.#say(`{"type":"end","requestId":${id}}`);
      }
      await this.#say(`{"type":"chunk","requestId":${id},"sequence":${sequence},"chunk":${value.data}}`);
    }
  }

  #abort(requestId: string): void {
    const open = this.#requests.get(requestId);
    if (!open) return;
    open.left = 'aborted';
    this.#requests.delete(requestId);
    void open.reader?.cancel().catch(() => {});
    // A resume that has not been answered has no run to cancel: that abort is a page that goes away.
    if (open.runId === undefined) return;
    const { id } = open.frame;
    const cancel = this.#cancel(open.frame, open.runId).catch(() => {});
    this.#cancels.set(id, cancel);
    void cancel.then(() => {
      if (this.#cancels.get(id) === cancel) this.#cancels.delete(id);
    });
  }

  async #cancel(frame: OpenRequest['frame'], runId: string | null | undefined): Promise<void> {
    const body = { id: randomUUID(), runId, type: 'cancel' };
    const path = `${this.#host.api}/${frame.id}/command`;
    const response = await this.#host.handle(
      hostRequest(this.#connection.handshake, path, { method: 'POST', headers: this.#headersOf(frame), body }),
    );
    await response.body?.cancel();
  }

  /** The AI SDK's own messages contain what was sent, whole. */
  #fail(requestId: string, errorText: string): Promise<void> {
    return this.#say(JSON.stringify({ type: 'error', requestId, errorText: errorText.slice(0, maxErrorLength) }));
  }

  #say(text: string): Promise<void> {
    return this.#connection.sendSlowly(text);
  }
}

async function errorTextOf(response: Response): Promise<string> {
  const text = await response.text();
  const body = parseJson(text) as { error?: { message?: unknown } } | null | undefined;
  if (typeof body?.error?.message === 'string') return body.error.message;
  return text || `The chat request was answered with status ${response.status}.`;
}
