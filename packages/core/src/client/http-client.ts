import { type FetchFunction, normalizeHeaders, type Resolvable, resolve } from '@ai-sdk/provider-utils';
import type { PrepareReconnectToStreamRequest, PrepareSendMessagesRequest, UIMessage } from 'ai';
import { ChatTransportError, type ErrorCode } from '../errors.ts';

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

/** The default of `api`. */
export const defaultApi = '/api/chat';

/** Makes the requests of one transport. Every failure is a `ChatTransportError`; `network` when no answer came. */
export class HttpClient<UI_MESSAGE extends UIMessage = UIMessage> {
  readonly api: string;
  readonly #options: HttpOptions<UI_MESSAGE>;

  constructor(options: HttpOptions<UI_MESSAGE>) {
    this.#options = options;
    this.api = (options.api ?? defaultApi).replace(/\/$/, '');
  }

  /** `POST {api}`: sends a run. */
  async send(
    call: CallOptions & {
      chatId: string;
      messages: UI_MESSAGE[];
      trigger: 'submit-message' | 'regenerate-message';
      messageId: string | undefined;
    },
    own: object,
    signal: AbortSignal,
  ): Promise<Response> {
    const { chatId: id, messages, trigger, messageId } = call;
    const base = await this.#resolve(call);
    const prepared = await this.#options.prepareSendMessagesRequest?.({
      api: this.api,
      id,
      messages,
      trigger,
      messageId,
      requestMetadata: call.metadata,
      ...base,
    });
    return this.#fetch(prepared?.api ?? this.api, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...normalizeHeaders(prepared?.headers ?? base.headers) },
      credentials: prepared?.credentials ?? base.credentials,
      body: JSON.stringify({ ...(prepared?.body ?? { ...base.body, id, messages, trigger, messageId }), ...own }),
      signal,
    });
  }

  /** `GET {api}/{chatId}/stream`. */
  async stream(
    chatId: string,
    query: Record<string, string | number>,
    signal: AbortSignal,
    call: CallOptions = {},
  ): Promise<Response> {
    const base = await this.#resolve(call);
    const prepared = await this.#options.prepareReconnectToStreamRequest?.({
      api: this.api,
      id: chatId,
      requestMetadata: call.metadata,
      ...base,
    });
    const address = prepared?.api ?? `${this.api}/${encodeURIComponent(chatId)}/stream`;
    const search = new URLSearchParams(query as Record<string, string>).toString();
    return this.#fetch(search ? `${address}${address.includes('?') ? '&' : '?'}${search}` : address, {
      headers: normalizeHeaders(prepared?.headers ?? base.headers),
      credentials: prepared?.credentials ?? base.credentials,
      cache: 'no-store',
      signal,
    });
  }

  /** `GET` or, with a body, `POST` of JSON under the base address. */
  async json<T>(path: string, body?: object, signal?: AbortSignal): Promise<T> {
    return (await this.post(path, body, signal)).json();
  }

  /** The response of `json`, for providers' credential exchange. */
  async post(path: string, body?: object, signal?: AbortSignal): Promise<Response> {
    const { headers, credentials } = await this.#resolve({});
    return this.#fetch(this.api + path, {
      ...(body
        ? { method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json', ...headers } }
        : { headers, cache: 'no-store' as const }),
      credentials,
      signal: signal ?? null,
    });
  }

  async #resolve(call: CallOptions): Promise<{
    headers: Record<string, string>;
    body: Record<string, unknown>;
    credentials: RequestCredentials | undefined;
  }> {
    const [headers, body, credentials] = await Promise.all([
      resolve(this.#options.headers),
      resolve(this.#options.body),
      resolve(this.#options.credentials),
    ]);
    return {
      headers: { ...normalizeHeaders(headers), ...normalizeHeaders(call.headers) },
      body: { ...body, ...call.body },
      credentials,
    };
  }

  async #fetch(
    address: string,
    { credentials, ...init }: Omit<RequestInit, 'credentials'> & { credentials: RequestCredentials | undefined },
  ): Promise<Response> {
    // globalThis.fetch is read at each call: other libraries patch it.
    const fetch = this.#options.fetch ?? globalThis.fetch;
    let response: Response;
    try {
      response = await fetch(address, credentials ? { ...init, credentials } : init);
    } catch (cause) {
      init.signal?.throwIfAborted();
      throw new ChatTransportError({ code: 'network', message: `No answer from ${address.split('?')[0]}.`, cause });
    }
    if (!response.ok) throw await httpError(response);
    return response;
  }
}

interface ErrorBody {
  readonly error?: { readonly code: ErrorCode; readonly message: string };
  /** The chat's state, where the sender was behind it. */
  readonly state?: { readonly messages?: unknown[] };
}

/** An error answer of the server, with what it carries beside the error. */
export class HttpError extends ChatTransportError {
  readonly status: number;
  readonly body: ErrorBody;

  constructor(status: number, code: ErrorCode, message: string, body: ErrorBody) {
    super({ code, message, ...(status >= 500 && { retryable: true }) });
    this.status = status;
    this.body = body;
  }
}

/** For answers that are not from our server: it names the code itself. */
const codeOfStatus: Record<number, ErrorCode> = {
  401: 'unauthorized',
  403: 'forbidden',
  404: 'not-found',
  413: 'too-large',
  429: 'rate-limited',
};

async function httpError(response: Response): Promise<HttpError> {
  // Not JSON: an error page of something in front of our server.
  const body: ErrorBody = await response.json().catch(() => ({}));
  const {
    code = codeOfStatus[response.status] ?? 'provider-failed',
    message = `The server answered ${response.status}.`,
  } = body.error ?? {};
  return new HttpError(response.status, code, message, body);
}
