import { type FetchFunction, normalizeHeaders, type Resolvable, resolve } from '@ai-sdk/provider-utils';
import {
  HttpChatTransport,
  type HttpChatTransportInitOptions,
  type PrepareReconnectToStreamRequest,
  type PrepareSendMessagesRequest,
  type UIMessage,
  type UIMessageChunk,
} from 'ai';
import { ChatTransportError } from '../errors.ts';
import { chatIdHeader, defaultApi } from '../wire/routes.ts';
import { httpError } from './http-error.ts';
import { noAnswer } from './persist.ts';

/** The options of the AI SDK's HTTP transport, with its names and meaning. Functions are called anew at each request. */
export interface HttpOptions<UI_MESSAGE extends UIMessage = UIMessage> {
  /** The base address of `createChatHandler`. Default `/api/chat`. */
  readonly api?: string | undefined;
  readonly headers?: Resolvable<Record<string, string> | Headers> | undefined;
  readonly body?: Resolvable<object> | undefined;
  readonly credentials?: Resolvable<RequestCredentials> | undefined;
  readonly fetch?: FetchFunction | undefined;
  readonly prepareSendMessagesRequest?: PrepareSendMessagesRequest<UI_MESSAGE> | undefined;
  readonly prepareReconnectToStreamRequest?: PrepareReconnectToStreamRequest | undefined;
}

/** What one call adds to the transport's options: the AI SDK's `ChatRequestOptions`. */
export interface CallOptions {
  readonly headers?: Record<string, string> | Headers | undefined;
  readonly body?: object | undefined;
  readonly metadata?: unknown;
}

type SendCall<UI_MESSAGE extends UIMessage> = Omit<
  Parameters<HttpChatTransport<UI_MESSAGE>['sendMessages']>[0],
  'abortSignal'
>;

/** A response with events: what its body begins with, as its headers say. */
export interface Answer {
  readonly runId: string | undefined;
  readonly turn: number;
  readonly body: ReadableStream<Uint8Array> | null;
}

/** The AI SDK puts the request together; its answer is read by us. */
class StockRequest<UI_MESSAGE extends UIMessage> extends HttpChatTransport<UI_MESSAGE> {
  protected processResponseStream(): ReadableStream<UIMessageChunk> {
    return undefined as never;
  }
}

/** Makes the requests of one transport. Every failure is a `ChatTransportError`; `network` when no answer came. */
export class HttpClient<UI_MESSAGE extends UIMessage = UIMessage> {
  readonly api: string;
  readonly #options: HttpOptions<UI_MESSAGE>;

  constructor(options: HttpOptions<UI_MESSAGE>) {
    this.api = (options.api ?? defaultApi).replace(/\/$/, '');
    this.#options = { ...options, api: this.api };
  }

  /** `POST {api}`: sends a run. `own` is added to the body, and `headers` to the headers, whoever made them. */
  send(call: SendCall<UI_MESSAGE>, own: object, signal: AbortSignal, headers?: object | false): Promise<Answer> {
    return this.#ask(
      (stock) => stock.sendMessages({ ...call, abortSignal: signal }),
      (address, init) =>
        // Neither parsed again nor copied: the body is JSON of an object, and of two equal names the later one counts.
        this.#fetch(address, {
          ...init,
          headers: { ...init.headers, ...headers, [chatIdHeader]: call.chatId } as HeadersInit,
          body: `${(init.body as string).slice(0, -1)},${JSON.stringify(own).slice(1)}`,
        }),
    );
  }

  /** `GET {api}/{chatId}/stream`. */
  stream(
    chatId: string,
    query: Record<string, string | number>,
    signal: AbortSignal,
    call?: CallOptions,
  ): Promise<Answer> {
    return this.#ask(
      (stock) => stock.reconnectToStream({ ...call, chatId, abortSignal: signal } as never),
      (address, init) =>
        this.#fetch(
          `${address}${address.includes('?') ? '&' : '?'}${new URLSearchParams(query as Record<string, string>)}`,
          init,
        ),
    );
  }

  /** `GET` or, with a body, `POST` of JSON under the base address. */
  async post(path: string, body?: object, signal?: AbortSignal, call?: CallOptions): Promise<Response> {
    const { headers, credentials } = this.#options;
    const all = { ...normalizeHeaders(await resolve(headers)), ...normalizeHeaders(call?.headers) };
    // `api` may carry a query, as in the AI SDK's own transport.
    return this.#fetch(this.api.replace(/(?=[?#]|$)/, path), {
      ...(body && { method: 'POST', body: JSON.stringify(body) }),
      headers: { ...(body && { 'content-type': 'application/json' }), ...all },
      credentials: await resolve(credentials),
      signal,
    } as RequestInit);
  }

  /** One request of the AI SDK's making that our server answers with events. */
  async #ask(
    request: (stock: StockRequest<UI_MESSAGE>) => Promise<unknown>,
    fetch: (address: string, init: RequestInit) => Promise<Response>,
  ): Promise<Answer> {
    let response!: Response;
    await request(
      new StockRequest({
        ...this.#options,
        fetch: async (address, init = {}) => {
          response = await fetch(String(address), init);
          return response;
        },
      } as HttpChatTransportInitOptions<UI_MESSAGE>),
    );
    const { body, headers } = response;
    const turn = headers.get('x-chat-turn');
    // A login page, another server, or headers that CORS hides: nothing of it would ever be an answer.
    if (!turn) {
      await body?.cancel();
      throw new ChatTransportError({
        code: 'protocol',
        message: 'No x-chat-turn (CORS?)',
        retryable: true,
      });
    }
    return { runId: headers.get('x-chat-run-id') ?? undefined, turn: Number(turn), body };
  }

  async #fetch(address: string, init: RequestInit): Promise<Response> {
    // globalThis.fetch is read at each call: other libraries patch it.
    const fetch = this.#options.fetch ?? globalThis.fetch;
    let response: Response;
    try {
      response = await fetch(address, init);
    } catch (cause) {
      init.signal?.throwIfAborted();
      throw noAnswer(cause);
    }
    if (!response.ok) throw await httpError(response);
    return response;
  }
}
