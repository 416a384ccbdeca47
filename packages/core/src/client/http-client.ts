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
import { chatIdHeader, defaultApi, normalizeApi, routeAddress } from '../wire/routes.ts';
import { type HttpError, httpError } from './http-error.ts';
import { allowUpload, noAnswer } from './persist.ts';

/** The options of the AI SDK's HTTP transport, with its names and meaning. Functions are called again for each request. */
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

/**
 * Makes the requests of one transport. Every failure is a `ChatTransportError`; `network` when no answer came. Only what the app's own functions
 * (`headers`, `body`, `prepareSendMessagesRequest`, …) throw is rethrown as it is. After a 401 they are called again, and the request is repeated once.
 */
export class HttpClient<UI_MESSAGE extends UIMessage = UIMessage> {
  readonly api: string;
  readonly #options: HttpOptions<UI_MESSAGE>;

  constructor(options: HttpOptions<UI_MESSAGE>) {
    this.api = normalizeApi(options.api ?? defaultApi);
    this.#options = { ...options, api: this.api };
  }

  /** Whether the bodies of sends are the AI SDK's and ours, and not made by the app. */
  get buildsBodies(): boolean {
    return !this.#options.prepareSendMessagesRequest;
  }

  /**
   * `POST {api}`: sends a run; `undefined` while the send waits in the server's queue. `own` is added to the body, and `headers` to the headers, also
   * where the app makes both.
   */
  async send(
    call: SendCall<UI_MESSAGE>,
    own: object,
    signal: AbortSignal,
    headers?: object | false,
  ): Promise<Answer | undefined> {
    const response = await this.#ask(
      signal,
      (stock) => stock.sendMessages({ ...call, abortSignal: signal }),
      (address, init) =>
        this.#fetch(address, {
          ...init,
          headers: { ...init.headers, ...headers, [chatIdHeader]: call.chatId } as HeadersInit,
          body: addFields(init.body as string, own),
        }),
    );
    if (response.status === 202 && !response.headers.has(turnHeader)) {
      const { queued } = (await response.json().catch(() => ({}))) as { readonly queued?: boolean };
      if (queued) return;
    }
    return answerOf(response);
  }

  /** `GET {api}/{chatId}/stream`. A 204 without our headers means that nothing is active, on any server. */
  async stream(
    chatId: string,
    query: Record<string, string | number>,
    signal: AbortSignal,
    call?: CallOptions,
  ): Promise<Answer> {
    const search = String(new URLSearchParams(query as Record<string, string>));
    const response = await this.#ask(
      signal,
      (stock) => stock.reconnectToStream({ ...call, chatId, abortSignal: signal } as never),
      (address, init) => this.#fetch(search ? address + (address.includes('?') ? '&' : '?') + search : address, init),
    );
    if (response.status === 204 && !response.headers.has(turnHeader)) return { runId: undefined, turn: 0, body: null };
    return answerOf(response);
  }

  /** `GET` or, with a body, `POST` of JSON under the base address. The response has been read to its end, and is JSON. */
  post(path: string, body?: object, signal?: AbortSignal, call?: CallOptions): Promise<Response> {
    const { headers, credentials } = this.#options;
    return repeatAfter401(signal, async () => {
      const all = { ...normalizeHeaders(await resolve(headers)), ...normalizeHeaders(call?.headers) };
      const response = await this.#fetch(routeAddress(this.api, path), {
        ...(body && { method: 'POST', body: JSON.stringify(body) }),
        headers: { ...(body && { 'content-type': 'application/json' }), ...all },
        credentials: await resolve(credentials),
        signal,
      } as RequestInit);
      const text = await response.text().catch((cause) => {
        signal?.throwIfAborted();
        throw noAnswer(cause);
      });
      try {
        JSON.parse(text);
      } catch {
        throw foreignAnswer('its response is not JSON');
      }
      return new Response(text, { headers: response.headers });
    });
  }

  /** One request of the AI SDK's making that our server answers with events. */
  #ask(
    signal: AbortSignal,
    request: (stock: StockRequest<UI_MESSAGE>) => Promise<unknown>,
    fetch: (address: string, init: RequestInit) => Promise<Response>,
  ): Promise<Response> {
    return repeatAfter401(signal, async () => {
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
      return response;
    });
  }

  async #fetch(address: string, init: RequestInit): Promise<Response> {
    // globalThis.fetch is read at each call: other libraries patch it.
    const fetch = this.#options.fetch ?? globalThis.fetch;
    allowUpload(init.signal, (init.body as string | undefined)?.length ?? 0);
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

/** The response header with the run's turn: every response with events of our server has it. */
const turnHeader = 'x-chat-turn';

/** @throws ChatTransportError `protocol` for a login page, another server, or headers that CORS hides. */
function answerOf({ headers, body }: Response): Answer {
  const turn = headers.get(turnHeader);
  if (turn) return { runId: headers.get('x-chat-run-id') ?? undefined, turn: Number(turn), body };
  // Never awaited: the body of a response that somebody has cloned is not cancelled before the clone is.
  body?.cancel().catch(() => {});
  throw foreignAnswer(`its response lacks the header ${turnHeader}`);
}

function foreignAnswer(reason: string): ChatTransportError {
  return new ChatTransportError({
    code: 'protocol',
    message: `No chat server answered: ${reason}. Check \`api\`, redirects, and CORS (exposed headers).`,
  });
}

/** Makes a request; after a 401 once more, since a token may have expired. Ends with `signal`, whatever the request waits for. */
async function repeatAfter401<T>(signal: AbortSignal | undefined, request: () => Promise<T>): Promise<T> {
  try {
    return await orAborted(signal, request());
  } catch (error) {
    if ((error as Partial<HttpError> | undefined)?.status !== 401) throw error;
    return orAborted(signal, request());
  }
}

/** What `work` comes to, unless `signal` aborts first: an app's function may hang, and a patched `fetch` may ignore its signal. */
function orAborted<T>(signal: AbortSignal | undefined, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal?.reason);
    if (signal?.aborted) onAbort();
    signal?.addEventListener('abort', onAbort);
    work.then(resolve, reject).finally(() => signal?.removeEventListener('abort', onAbort));
  });
}

/** JSON of an object with more fields. Neither parsed nor copied: of two equal names the later one counts. */
function addFields(json: string, fields: object): string {
  return json === '{}' ? JSON.stringify(fields) : `${json.slice(0, -1)},${JSON.stringify(fields).slice(1)}`;
}
