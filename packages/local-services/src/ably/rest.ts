import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Access, credentialOf, demand } from './access.ts';
import { decodeBody, encodeBody, type Format } from './codec.ts';
import { checkChannelName, messageActions, Refusal, type WireMessage } from './protocol.ts';
import type { Rate } from './rate.ts';
import type { Service } from './service.ts';

/** Requests per second that a Free account may make: above, 42910. @source https://ably.com/docs/platform/pricing/limits (read 2026-11-29) */
const requestsPerSecond = 50;

const msgpack = 'application/x-msgpack';

interface Answer {
  readonly status: number;
  readonly body: unknown;
  readonly headers?: Record<string, string>;
}

/** Answers a request to the REST API. */
export async function answerRest(
  service: Service,
  rate: Rate,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const wanted: Format = request.headers.accept?.startsWith(msgpack) ? 'msgpack' : 'json';
  const sent: Format = request.headers['content-type'] === msgpack ? 'msgpack' : 'json';
  const url = new URL(request.url ?? '/', 'http://localhost');
  const { status, body, headers } = await answerTo(service, rate, request, url, sent);
  response.writeHead(status, {
    'content-type': wanted === 'msgpack' ? msgpack : 'application/json',
    'access-control-allow-origin': '*',
    'access-control-allow-headers': '*',
    'access-control-allow-methods': '*',
    'access-control-expose-headers': 'Link, X-Ably-Errorcode',
    ...headers,
  });
  response.end(status === 204 ? undefined : encodeBody(wanted, body));
}

async function answerTo(
  service: Service,
  rate: Rate,
  request: IncomingMessage,
  url: URL,
  format: Format,
): Promise<Answer> {
  if (request.method === 'OPTIONS') return { status: 204, body: undefined };
  try {
    const bytes = await bodyOf(request);
    const body = <T>(): T => decodeBody<T>(format, bytes);
    if (url.pathname === '/time') return { status: 200, body: [service.now()] };
    if (rate.add(1) > requestsPerSecond) throw new Refusal(42910, 429, 'Account request rate limit exceeded');
    const [first, second = '', third, fourth] = url.pathname.slice(1).split('/').map(decodeURIComponent);
    if (first === 'keys' && third === 'requestToken')
      return { status: 201, body: service.access.issue(second, body()) };
    const access = service.access.check(requestCredential(request, url));
    if (first === 'keys' && third === 'revokeTokens') return revoke(service);
    if (first !== 'channels' || (third !== 'messages' && third !== 'history'))
      throw new Refusal(40400, 404, 'Not found');
    const name = checkChannelName(second);
    if (request.method === 'POST') return publish(service, access, name, body());
    if (request.method === 'PATCH') return mutate(service, access, name, fourth ?? '', body());
    demand(access, name, 'history');
    const channel = service.channel(name);
    return fourth ? { status: 200, body: channel.latest(fourth) } : page(channel.history(untilOf(url)), url);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const { statusCode, code } = error.info;
    return { status: statusCode, body: { error: error.info }, headers: { 'x-ably-errorcode': String(code) } };
  }
}

function publish(service: Service, access: Access, name: string, body: WireMessage | WireMessage[]): Answer {
  demand(access, name, 'publish');
  const id = crypto.randomUUID();
  const channel = service.channel(name);
  const serials = service.publish(channel, Array.isArray(body) ? body : [body], { id, clientId: access.clientId });
  return { status: 201, body: { channel: name, messageId: id, serials } };
}

const operations: Readonly<Record<string, number>> = {
  'message.update': messageActions.update,
  'message.delete': messageActions.delete,
  'message.append': messageActions.append,
};

function mutate(service: Service, access: Access, name: string, serial: string, body: Record<string, unknown>): Answer {
  demand(access, name, 'message-update-own');
  const action = operations[String(body.action)] ?? Number(body.action);
  const id = crypto.randomUUID();
  const [versionSerial] = service.publish(service.channel(name), [{ ...body, action, serial }], { id });
  return { status: 200, body: { versionSerial } };
}

function revoke(service: Service): Answer {
  service.access.revoke();
  for (const connection of service.connections.values()) connection.recheck();
  return { status: 201, body: {} };
}

/** One page of history, newest first unless asked for otherwise, with a link to the next. */
function page(messages: readonly WireMessage[], url: URL): Answer {
  const query = url.searchParams;
  const limit = Math.min(Number(query.get('limit') ?? 100), 1000);
  const from = Number(query.get('page') ?? 0);
  const all = query.get('direction') === 'forwards' ? messages : messages.toReversed();
  const body = all.slice(from, from + limit);
  if (from + limit >= all.length) return { status: 200, body };
  query.set('page', String(from + limit));
  return { status: 200, body, headers: { link: `<./messages?${query}>; rel="next"` } };
}

function untilOf({ searchParams }: URL): string | null {
  return searchParams.get('from_serial') ?? searchParams.get('fromSerial');
}

function requestCredential(
  request: IncomingMessage,
  { searchParams }: URL,
): { key?: string | null; token?: string | null } {
  const [scheme, value = ''] = request.headers.authorization?.split(' ') ?? [];
  const decoded = Buffer.from(value, 'base64').toString();
  if (scheme === 'Basic') return { key: decoded };
  if (scheme === 'Bearer') return { token: value.includes('.') ? value : decoded };
  return credentialOf(searchParams);
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part);
  return Buffer.concat(parts);
}
