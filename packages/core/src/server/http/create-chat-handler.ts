import type { UIMessage } from 'ai';
import { ChatTransportError } from '../../errors.ts';
import { parseId } from '../../ids.ts';
import type { AllowChat } from '../../provider/realtime-server.ts';
import { wireVersion } from '../../wire/frame.ts';
import { defaultApi } from '../../wire/routes.ts';
import { readStateText } from '../conversation/head.ts';
import { type ChatRuntime, createRuntimeParts } from '../create-chat-runtime.ts';
import { type ChatRuntimeOptions, misuse } from '../options.ts';
import { feedChat } from '../run/chat-feed.ts';
import { partyOf } from '../run/fair-turns.ts';
import { type Authorize, allow } from './authorize.ts';
import type { HandlerContext } from './handler-context.ts';
import { errorJson, errorResponse, json, jsonText } from './http-errors.ts';
import { commandRoute } from './route-command.ts';
import { continueRoute } from './route-continue.ts';
import { sendRoute } from './route-send.ts';
import { streamRoute } from './route-stream.ts';
import { buildSchema } from './validate-messages.ts';

/** The default of `maxBodyBytes`: 4 MiB. */
export const defaultMaxBodyBytes: number = 4 * 1024 * 1024;
/** The default of `maxUnnamedBodyBytes`: 256 KiB. */
export const defaultMaxUnnamedBodyBytes: number = 256 * 1024;
/** The default of `heartbeatMs`: how often a silent stream says that it is alive, in milliseconds. */
export const defaultHeartbeatMs = 10_000;

/** The options of `createChatHandler`. */
export interface ChatHandlerOptions<UI_MESSAGE extends UIMessage = UIMessage> extends ChatRuntimeOptions<UI_MESSAGE> {
  /** The base path of the routes. @default '/api/chat' */
  readonly api?: string | undefined;
  /** Decides who may use which chat. Required: nothing is open by default. */
  readonly authorize: Authorize;
  /** Largest body of a request, in bytes. @default defaultMaxBodyBytes */
  readonly maxBodyBytes?: number | undefined;
  /**
   * Largest body of a send that does not name its chat in the header `x-chat-id`, in bytes: `authorize` can only be asked once such a body
   * has been read. The transports of this project send the header; raise the limit for stock clients that send files in their messages.
   * @default defaultMaxUnnamedBodyBytes
   */
  readonly maxUnnamedBodyBytes?: number | undefined;
  /**
   * Answers `DELETE {api}/{chatId}`, after asking `authorize` for the action `delete`. Without it the route refuses everybody, so that
   * an `authorize` that does not look at the action cannot open it. `runtime.deleteChat` works in any case.
   * @default false
   */
  readonly allowDelete?: boolean | undefined;
  /** @default defaultHeartbeatMs */
  readonly heartbeatMs?: number | undefined;
}

/** Answers the routes of a chat. */
export interface ChatHandler {
  (request: Request): Promise<Response>;
  /** The same engine, for work that is no HTTP request. */
  readonly runtime: ChatRuntime;
  /** `runtime.sweep`, for cron. */
  readonly sweep: ChatRuntime['sweep'];
}

/**
 * Creates the server half: a function from `Request` to `Response` for all routes under `api`.
 * @throws ChatTransportError `misconfigured` without `authorize`, `respond` or a log.
 */
export function createChatHandler<UI_MESSAGE extends UIMessage = UIMessage>(
  options: ChatHandlerOptions<UI_MESSAGE>,
): ChatHandler {
  const { authorize, realtime } = options;
  if (typeof authorize !== 'function') throw misuse('Pass `authorize`: it decides who may use which chat.');
  buildSchema();
  const { engine, runtime, begin } = createRuntimeParts(options as unknown as ChatRuntimeOptions);
  const context: HandlerContext = {
    engine,
    begin,
    api: (options.api ?? defaultApi).replace(/\/+$/, ''),
    maxBodyBytes: options.maxBodyBytes ?? defaultMaxBodyBytes,
    maxUnnamedBodyBytes: options.maxUnnamedBodyBytes ?? defaultMaxUnnamedBodyBytes,
    heartbeatMs: options.heartbeatMs ?? defaultHeartbeatMs,
    allowDelete: options.allowDelete ?? false,
    runtime,
    async allow(request, chatId, action) {
      const askedAtMs = engine.options.clock.now();
      const granted = await allow(authorize, request, chatId, action);
      return { ...granted, askedAtMs, grantedAtMs: engine.options.clock.now() };
    },
  };
  const toResponse = (error: unknown): Response => errorResponse(error, engine.options.emit);
  const answer = async (request: Request): Promise<Response> => {
    const own = await realtime?.route?.(request, pathOf(context, request));
    return own ?? route(context, request, realtime?.authorize?.bind(realtime));
  };
  const handle = (request: Request): Promise<Response> => answer(request).catch(toResponse);
  realtime?.connect?.({
    handle,
    api: context.api,
    follow: async (chatId, deliver, signal) => {
      await Promise.all([feedChat(engine, chatId, deliver, signal), engine.revocations.follow(chatId, signal)]);
    },
    newest: async (chatId) => {
      const { turn, runs } = await engine.options.log.state(chatId);
      return { turn, run: runs.findLast((run) => run.turn === turn) };
    },
    stream: (request, chatId) => {
      const now = engine.options.clock.now();
      const granted = { ...context, allow: async () => ({ askedAtMs: now, grantedAtMs: now }) };
      return streamRoute(granted, request, chatId, true).catch(toResponse);
    },
  });
  return Object.assign(handle, { runtime, sweep: runtime.sweep });
}

type Method = 'GET' | 'POST';
type Exchange = ((request: Request, allow: AllowChat) => Promise<Response>) | undefined;

async function route(context: HandlerContext, request: Request, exchange: Exchange): Promise<Response> {
  const version = new URL(request.url).searchParams.get('v');
  if (version !== null && version !== String(wireVersion)) {
    const message = `This server speaks version ${wireVersion} of the protocol, not ${version}.`;
    throw new ChatTransportError({ code: 'protocol', message });
  }
  const path = pathOf(context, request);
  if (isPageElsewhere(context, request)) return notFound();
  if (path === '') return only('POST', request, () => sendRoute(context, request));
  const [segment = '', action, ...more] = path.slice(1).split('/');
  if (segment === '' || more.length > 0) return notFound();
  if (segment === 'auth') {
    if (action !== undefined || !exchange) return notFound();
    return only('POST', request, () => authRoute(context, request, exchange));
  }
  if (action === 'continue') {
    const { continueTokens: tokens } = context.engine.options;
    if (!tokens) return notFound();
    return only('POST', request, () => continueRoute(context, tokens, request, parseId('chatId', decoded(segment))));
  }
  if (action !== undefined && action !== 'stream' && action !== 'command') return notFound();
  if (action === undefined && request.method === 'DELETE') {
    return deleteRoute(context, request, parseId('chatId', decoded(segment)));
  }
  const answer = routes[action ?? 'state'];
  return only(answer.method, request, () => answer.run(context, request, parseId('chatId', decoded(segment))));
}

/** The path below the base: all of it where a framework has mounted the handler under the base and has cut it off. */
function pathOf({ api }: HandlerContext, request: Request): string {
  const path = wholePath(request);
  return isUnder(api, path) ? path.slice(api.length) : path;
}

/**
 * Whether a browser asks for a page outside the base. A handler that gets every request of an app would otherwise take `/login` for a chat, as
 * it cannot tell that path from one whose base was cut off.
 */
function isPageElsewhere({ api }: HandlerContext, request: Request): boolean {
  const isPage = request.method === 'GET' && /\btext\/html\b/.test(request.headers.get('accept') ?? '');
  return isPage && !isUnder(api, wholePath(request));
}

function isUnder(api: string, path: string): boolean {
  return path === api || path.startsWith(`${api}/`);
}

function wholePath(request: Request): string {
  return new URL(request.url).pathname.replace(/\/+$/, '');
}

const routes: Record<
  'state' | 'stream' | 'command',
  { method: Method; run(context: HandlerContext, request: Request, chatId: string): Promise<Response> }
> = {
  state: { method: 'GET', run: stateRoute },
  stream: { method: 'GET', run: streamRoute },
  command: { method: 'POST', run: commandRoute },
};

/** `GET {api}/{chatId}`: the chat's state. */
async function stateRoute(context: HandlerContext, request: Request, chatId: string): Promise<Response> {
  const { userId } = await context.allow(request, chatId, 'read');
  return jsonText(200, await readStateText(context.engine, chatId, partyOf(chatId, userId)));
}

/** `DELETE {api}/{chatId}`: deletes the chat. */
async function deleteRoute(context: HandlerContext, request: Request, chatId: string): Promise<Response> {
  if (!context.allowDelete) {
    throw new ChatTransportError({ code: 'forbidden', message: 'Chats cannot be deleted over HTTP here.' });
  }
  await context.allow(request, chatId, 'delete');
  return json(200, await context.runtime.deleteChat(chatId));
}

/** `POST {api}/auth`: the provider's own credential exchange. */
function authRoute(context: HandlerContext, request: Request, exchange: NonNullable<Exchange>): Promise<Response> {
  return exchange(request, async (chatId: string, action: 'read' | 'send' | 'command' = 'read') => {
    const { userId } = await context.allow(request, parseId('chatId', chatId), action);
    return userId === undefined ? {} : { userId };
  });
}

async function only(method: Method, request: Request, answer: () => Promise<Response>): Promise<Response> {
  if (request.method === method) return answer();
  return errorJson('not-found', `This route answers ${method}, not ${request.method}.`, undefined, {
    status: 405,
    headers: { allow: method },
  });
}

function notFound(): Response {
  return errorJson('not-found', 'There is no such route.');
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch (cause) {
    throw new ChatTransportError({ code: 'invalid-id', message: 'chatId cannot be decoded.', cause });
  }
}
