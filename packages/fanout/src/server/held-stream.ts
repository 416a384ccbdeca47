import {
  type ChatGrant,
  decodeFrame,
  maxWaitMs,
  privateCacheControl,
  statusError,
} from '@chat-transport/core/provider';
import { Channel, GripInstruct } from '@fanoutio/grip';
import { createParser } from 'eventsource-parser';
import { nextHeader } from '../wire.ts';
import { controlChannel, otherChannel, userChannel } from './channels.ts';
import {
  formatPosition,
  newestPosition,
  type Position,
  parsePosition,
  placeOf,
  type RunPosition,
} from './frame-ids.ts';
import { type HeldContext, readGrant } from './held-context.ts';
import { withoutProxyHeaders } from './proxy-request.ts';

const eventHeaders = {
  'content-type': 'text/event-stream',
  'cache-control': privateCacheControl,
  'x-vercel-ai-ui-message-stream': 'v1',
};

/** Answers a device of `FanoutChatTransport`: from here on it gets what is published. What was before it reads from the log. */
export async function deviceStream(context: HeldContext, request: Request): Promise<Response> {
  const query = new URL(request.url).searchParams;
  const grant = await readGrant(context, context.tokens, query.get('token'), query.get('chat'));
  if (!grant) {
    const message = await context.tokens.explain(query.get('token'));
    return Response.json({ error: { code: 'unauthorized', message } }, { status: 401 });
  }
  // Where the log ends, although publishing may be behind it: a device that comes back must not get again what it has.
  const at = newestPosition(await context.host.newest(grant.chatId));
  const headers = {
    ...eventHeaders,
    'x-chat-turn': String(at.turn),
    ...(at.run && { 'x-chat-run-id': at.run, [nextHeader]: String(at.next) }),
  };
  const reader = { grant, at, isFollowing: true };
  const hold = await streamHold(context, reader, `${grant.chatId}/${newLink()}`);
  return new Response(': ok\n\n', { headers: { ...headers, ...hold } });
}

/**
 * Answers core's stream route, `GET {api}/{chatId}/stream`, for a reader behind the proxy, and the proxy's own questions behind it: after a gap, a
 * hint, and a while without messages, the proxy asks the link what has been missed. What the log has goes out now; the proxy holds the rest.
 *
 * @param link the last part of the link's path, where the proxy asks it.
 */
export async function chatStream(
  context: HeldContext,
  request: Request,
  chatId: string,
  link: string | undefined,
): Promise<Response> {
  const url = new URL(request.url);
  const query = url.searchParams;
  const wait = query.get('wait');
  const session = link === undefined ? null : query.get('session');
  // The app's `authorize` names nobody here.
  let grant: ChatGrant | undefined = { chatId, may: ['read'] };
  if (link !== undefined) {
    grant = await readGrant(context, context.sessions, session, chatId);
    if (!grant) return ended();
    query.delete('session');
    goTo(query, lastPosition(request));
  }
  query.set('wait', '0');
  const inner = new Request(url, { headers: withoutProxyHeaders(request.headers) });
  const response = await (link === undefined ? context.host.handle(inner) : context.host.stream(inner, chatId));
  if (response.status !== 200) return link === undefined || isTransient(response) ? response : ended();

  const from = firstPosition(request, query, response.headers);
  // A poll that is not held gets all there is.
  const published = wait === null ? context.published.newest(context.channelName(chatId)) : undefined;
  const { text, at, isEmpty } = upTo(published, readEvents(await response.text(), from), from);
  const headers = new Headers(response.headers);
  if (at && (wait === null || (isEmpty && Number(wait) > 0))) {
    const reader = { grant, at, isFollowing: query.has('follow') };
    const hold =
      wait === null ? streamHold(context, reader, link ?? newLink(), session) : pollHold(context, reader, Number(wait));
    for (const [name, value] of Object.entries(await hold)) headers.set(name, value);
  }
  return new Response(text, { headers });
}

/**
 * Whether the proxy may ask a link again: where it gets an error it asks up to five more times, for half a minute, and its reader does not learn of it.
 * @source https://github.com/fastly/pushpin/blob/v1.36.0/src/handler/httpsession.cpp `outReq_error` (read 2026-11-30)
 */
function isTransient({ status }: Response): boolean {
  return statusError(status, 'The link was refused.').retryable;
}

/** Without a hold the proxy ends the stream, and its reader comes back with its own credential. */
function ended(): Response {
  return new Response('');
}

/** One held reader, and the position from which it continues. */
interface Reader {
  readonly grant: ChatGrant;
  readonly at: Position;
  /** Whether it reads every run of the chat, or one. */
  readonly isFollowing: boolean;
}

/**
 * The path of one reader's link. The proxy answers several questions with one response where their paths and positions are the same, whatever their
 * queries are: readers of a chat would get each other's sessions, channels and kinds of events.
 * @source https://github.com/fastly/pushpin/blob/v1.36.0/src/handler/engine.cpp `doFinish` of `InspectWorker` (read 2026-11-29)
 */
function newLink(): string {
  return `stream/${crypto.randomUUID()}`;
}

/** Makes the proxy keep a stream open. The session is in the link, which only the proxy and this server know. */
async function streamHold(
  context: HeldContext,
  reader: Reader,
  path: string,
  session?: string | null,
): Promise<Record<string, string>> {
  const instruct = new GripInstruct(channelsOf(context, reader));
  instruct.setHoldStream();
  instruct.setKeepAlive(': alive\n\n', context.keepAliveMs / 1000);
  const token = session ?? (await context.sessions.sign(reader.grant));
  const what = reader.isFollowing ? 'follow' : `run=${reader.at.run}`;
  instruct.setNextLink(`${path}?${what}&session=${token}`, context.linkTimeoutMs / 1000);
  return instruct.toHeaders();
}

/** Makes the proxy keep a long-poll open until something is published. */
function pollHold(context: HeldContext, reader: Reader, waitMs: number): Record<string, string> {
  const instruct = new GripInstruct(channelsOf(context, reader));
  instruct.setHoldLongPoll(Math.ceil(Math.min(waitMs, maxWaitMs) / 1000));
  return instruct.toHeaders();
}

function channelsOf({ channelName }: HeldContext, { grant, at, isFollowing }: Reader): Channel[] {
  const name = channelName(grant.chatId);
  const besides = [controlChannel(name), userChannel(name, grant.userId), ...(isFollowing ? [otherChannel(name)] : [])];
  return [new Channel(name, formatPosition(at)), ...besides.map((each) => new Channel(each))];
}

/** What the proxy has passed on last, in a request of its own. */
function lastPosition({ headers }: Request): Position | undefined {
  return parsePosition(/last-id=([^\s,;]+)/.exec(headers.get('grip-last') ?? '')?.[1]);
}

/** Makes a link's query read from a position on. */
function goTo(query: URLSearchParams, at: Position | undefined): void {
  if (!at) return;
  const isFollowing = query.has('follow');
  if (isFollowing) query.set('follow', String(at.turn));
  if (at.run === undefined || (!isFollowing && at.run !== query.get('run'))) return;
  query.set('run', at.run);
  query.set('from', String(at.next));
}

/** Where the answer to a reader begins. */
function firstPosition(request: Request, query: URLSearchParams, headers: Headers): Position {
  const follow = query.get('follow');
  const seen = request.headers.get('last-event-id')?.split(':') ?? [query.get('run'), query.get('from')];
  if (follow !== null && !seen[0]) return { turn: Number(follow) };
  const run = headers.get('x-chat-run-id') ?? undefined;
  return { turn: Number(headers.get('x-chat-turn')), run, next: Number(seen[1] ?? 0) };
}

/** Events of core's stream route, and where they end: without `at`, with the run that the reader asked for. */
interface Events {
  readonly text: string;
  readonly at: Position | undefined;
  readonly isEmpty: boolean;
}

/** Leaves out what this process publishes in a moment: it fits what the proxy has then, and nothing behind it would. */
function upTo(published: RunPosition | undefined, events: Events, from: Position): Events {
  const { text, at } = events;
  if (!published || !at || at.run !== published.run || (at.next ?? 0) <= published.next) return events;
  if (from.run === published.run && (from.next ?? 0) >= published.next) return { text: '', at: from, isEmpty: true };
  const last = text.lastIndexOf(`id: ${published.run}:${published.next}\n`);
  if (last < 0) return events;
  return { text: text.slice(0, text.indexOf('\n\n', last) + 2), at: published, isEmpty: false };
}

function readEvents(text: string, from: Position): Events {
  let at: Position | undefined = from;
  let isEmpty = true;
  const parser = createParser({
    onEvent({ id, event, data }) {
      isEmpty = false;
      if (event === 'frame') at = placeOf(decodeFrame(data)).to;
      const [run, next, reason] = id?.split(':') ?? [];
      if (run) at = reason ? undefined : { turn: at?.turn ?? from.turn, run, next: Number(next) };
    },
  });
  parser.feed(text);
  return { text, at, isEmpty };
}
