import {
  type ChatTokens,
  ChatTransportError,
  grantChatToken,
  parseId,
  type Revocation,
} from '@chat-transport/core/provider';
import {
  type Authorize,
  allow,
  type ChatAction,
  chatIdHeader,
  defaultMaxBodyBytes,
  defaultMaxUnnamedBodyBytes,
  errorJson,
  errorResponse,
  readNamedBody,
  type ServerEvent,
} from '@chat-transport/core/server';
import { ticketHeader, ticketsOf } from '../ticket.ts';
import { type ChatServer, revokePath } from './chat-server.ts';

/** Options of `routeChatRequest`. */
export interface RouteChatOptions {
  /** The binding of the `ChatServer`. */
  readonly namespace: DurableObjectNamespace<ChatServer>;
  /** The same as in `ChatServer.configure`. */
  readonly secret: string;
  /** Decides who may use which chat. Without it, only sockets are answered, whose tickets a server elsewhere gives. */
  readonly authorize?: Authorize | undefined;
  /** The base path of the routes. @default '/api/chat' */
  readonly api?: string | undefined;
  /** Largest body of a request, in bytes. @default defaultMaxBodyBytes */
  readonly maxBodyBytes?: number | undefined;
  /** Largest body of a send without the header `x-chat-id`, in bytes. @default defaultMaxUnnamedBodyBytes */
  readonly maxUnnamedBodyBytes?: number | undefined;
  /** Is called for requests that failed for a reason that the response does not show. */
  readonly onEvent?: ((event: ServerEvent) => void) | undefined;
}

/** Longest address of a socket, in UTF-16 units. */
const maxAddressLength = 4096;
/** The path under which the objects answer, wherever the Worker does. */
const objectApi = '/api/chat';
const actions: Readonly<Record<string, ChatAction>> = { '': 'read', '/stream': 'read', '/command': 'command' };

/**
 * Answers the routes of `createChatHandler`, and `{api}/{chatId}/socket`, from the chats' objects; `null` for other
 * paths. The Worker decides here what a user may do: a refused request does not reach an object.
 */
export async function routeChatRequest(request: Request, options: RouteChatOptions): Promise<Response | null> {
  const api = (options.api ?? objectApi).replace(/\/+$/, '');
  const { pathname } = new URL(request.url);
  if (pathname !== api && !pathname.startsWith(`${api}/`)) return null;
  try {
    return await route(request, pathname.slice(api.length).replace(/\/+$/, ''), options);
  } catch (error) {
    return errorResponse(error, (event) => options.onEvent?.(event));
  }
}

/**
 * Ends, at once, what a user has open in a chat: sockets, and streams of answers that are made in its object. Tickets
 * from before are refused. Without `userId` it is for everybody. Take the access back in `authorize` first.
 * @throws ChatTransportError `invalid-id`; `provider-failed` when the object could not be reached: try again.
 */
export async function revokeAccess({ chatId, userId }: Revocation, options: RouteChatOptions): Promise<void> {
  const ticket = await ticketsOf(options.secret).sign({ chatId: parseId('chatId', chatId), may: ['log'] });
  const request = new Request(`https://object${objectApi}/${chatId}${revokePath}`, {
    method: 'POST',
    headers: { [ticketHeader]: ticket },
    body: JSON.stringify({ userId }),
  });
  const { ok, status } = await reach(options, chatId, request);
  if (ok) return;
  const message = `The access could not be taken back (status ${status}). Try again.`;
  throw new ChatTransportError({ code: 'provider-failed', message });
}

async function route(request: Request, path: string, options: RouteChatOptions): Promise<Response> {
  const { secret, authorize } = options;
  const tickets = ticketsOf(secret);
  const [, segment = '', rest = ''] = /^\/([^/]*)(.*)$/.exec(path) ?? [];
  if (rest === '/socket') return connect(request, parseId('chatId', segment), tickets, options);
  const isDelete = request.method === 'DELETE' && path !== '' && rest === '';
  const action = path === '' ? 'send' : isDelete ? 'delete' : actions[rest];
  if (!authorize || !action) return errorJson('not-found', 'There is no such route.');
  if ((path === '' || path === '/auth') && request.method !== 'POST') return onlyPost(request.method);
  const may = (chatId: string, what: ChatAction) => allow(authorize, request, parseId('chatId', chatId), what);
  if (path === '/auth') {
    return grantChatToken(request, (chatId, what = 'read') => may(chatId, what), tickets);
  }
  // Only the header or the body of a send names its chat.
  const { maxBodyBytes = defaultMaxBodyBytes, maxUnnamedBodyBytes = defaultMaxUnnamedBodyBytes } = options;
  const limits = { maxBodyBytes, maxUnnamedBodyBytes };
  const send = action === 'send' ? await readNamedBody(request, limits, (id) => may(id, action)) : undefined;
  const body = send?.fields;
  const chatId = parseId('chatId', body ? body.id : segment);
  const { userId } = send?.allowed ?? (await may(chatId, action));
  const headers = new Headers(request.headers);
  headers.set(ticketHeader, await tickets.sign({ chatId, may: [action], userId }));
  if (send) headers.set(chatIdHeader, chatId);
  const { method, signal } = request;
  const url = new URL(`${objectApi}${path}${new URL(request.url).search}`, request.url);
  const forwarded = new Request(url, { method, headers, body: body ? JSON.stringify(body) : request.body, signal });
  return reach(options, chatId, forwarded);
}

async function connect(
  request: Request,
  chatId: string,
  tickets: ChatTokens,
  options: RouteChatOptions,
): Promise<Response> {
  const token = new URL(request.url).searchParams.get('ticket');
  const ticket = await tickets.verify(token);
  const isAllowed = ticket?.chatId === chatId;
  // A client whose handshake was refused asks with a plain request for the reason.
  if (token && !isAllowed) return errorJson('unauthorized', await tickets.explain(token));
  if (request.headers.get('upgrade')?.toLowerCase() !== 'websocket') {
    return errorJson('not-found', 'This address is a WebSocket.', undefined, { status: 426 });
  }
  // The object keeps the address with the socket, which holds 16 KiB.
  if (request.url.length > maxAddressLength) {
    return errorJson('too-large', `The address has more than ${maxAddressLength} characters.`, undefined, {
      status: 414,
    });
  }
  if (isAllowed) return reach(options, chatId, new Request(request));
  return errorJson('unauthorized', await tickets.explain(token));
}

async function reach({ namespace, onEvent }: RouteChatOptions, chatId: string, request: Request): Promise<Response> {
  // A client may not set this.
  request.headers.delete('x-partykit-props');
  request.headers.set('x-partykit-room', chatId);
  try {
    return await namespace.get(namespace.idFromName(chatId)).fetch(request);
  } catch (error) {
    // An object that is being replaced: the client asks again.
    onEvent?.({ type: 'request-failed', error });
    return errorJson('provider-failed', 'The chat could not be reached. Try again.', undefined, { status: 503 });
  }
}

function onlyPost(method: string): Response {
  const message = `This route answers POST, not ${method}.`;
  return errorJson('not-found', message, undefined, { status: 405, headers: { allow: 'POST' } });
}
