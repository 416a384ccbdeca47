import {
  ChatTransportError,
  createChatTokens,
  grantChatToken,
  type RealtimeHost,
  type RealtimeServer,
  Revocations,
  statusError,
} from '@chat-transport/core/provider';
import {
  HttpStreamFormat,
  type IGripConfig,
  Item,
  isWsOverHttp,
  type PublishException,
  Publisher,
  WebSocketMessageFormat,
} from '@fanoutio/grip';
import { socketPath } from '../wire.ts';
import { revokedChannels } from './channels.ts';
import { parsePosition } from './frame-ids.ts';
import type { HeldContext } from './held-context.ts';
import { closeCodes, heldSocket } from './held-socket.ts';
import { chatStream, deviceStream } from './held-stream.ts';
import { defaultLimits, fanoutSupports } from './limits.ts';
import { isProxied } from './proxy-request.ts';
import { publicationsOf } from './published-item.ts';
import { PublishedPositions } from './published-positions.ts';

/** Options of `fanout`. */
export interface FanoutServerOptions {
  /**
   * The proxy, as a GRIP URL or the configuration of `@fanoutio/grip`. It must have a key to verify the proxy's signature:
   * `http://localhost:5561?verify-iss=pushpin&verify-key=…` for Pushpin (`sig_key`), `buildFanoutGripConfig` for Fastly.
   */
  readonly grip: string | IGripConfig;
  /** Signs the tokens of devices: at least 32 bytes, the same in all processes. */
  readonly secret: string;
  /** Shortest time between two messages of a run, in milliseconds. @default defaultLimits */
  readonly flushIntervalMs?: number | undefined;
  /** Messages per second over all runs of this process: above it, messages grow. @default no limit */
  readonly publishesPerSecond?: number | undefined;
  /** In front of the chat's id. @default 'chat-' */
  readonly channelPrefix?: string | undefined;
  /** Silence before the proxy sends a sign of life, in milliseconds. @default defaultKeepAliveMs */
  readonly keepAliveMs?: number | undefined;
  /** Silence before the proxy asks what a stream has missed, in milliseconds: a request per device. @default defaultLinkTimeoutMs */
  readonly linkTimeoutMs?: number | undefined;
  /** How long a connection lasts before its device is authorized again, in milliseconds. @default defaultSessionMs */
  readonly sessionMs?: number | undefined;
}

/** Default of `keepAliveMs`. */
export const defaultKeepAliveMs = 10_000;
/** Default of `linkTimeoutMs`. */
export const defaultLinkTimeoutMs = 30_000;
/** Default of `sessionMs`: ten minutes. */
export const defaultSessionMs: number = 10 * 60_000;
/** How long a device's token opens connections, in milliseconds. */
const tokenTtlMs = 60_000;

/** The server half. Give it to `createChatHandler` as `realtime`. */
export interface FanoutServer extends RealtimeServer {
  readonly supports: typeof fanoutSupports;
  /** Ends the connections of a user, or of everybody, at the proxy, and refuses the tokens that they have to this process. */
  revoke: NonNullable<RealtimeServer['revoke']>;
  authorize: NonNullable<RealtimeServer['authorize']>;
}

/**
 * Publishes chats through a GRIP proxy (Fastly Fanout, Pushpin), which holds the devices' connections: the handler answers and ends.
 * @throws TypeError when `secret` is shorter than 32 bytes, or `grip` has no key to verify the proxy with.
 */
export function fanout(options: FanoutServerOptions): FanoutServer {
  const publisher = new Publisher(options.grip);
  if (publisher.clients.some((client) => !client.getVerifyKey?.())) {
    throw new TypeError('fanout: `grip` needs `verify-key`, or anybody could pretend to be the proxy.');
  }
  const { secret, publishesPerSecond, channelPrefix = 'chat-', sessionMs = defaultSessionMs } = options;
  const tokens = createChatTokens({ name: 'fanout', secret, ttlMs: tokenTtlMs });
  const channelName = (chatId: string): string => channelPrefix + chatId;
  const revocations = new Revocations(sessionMs + tokenTtlMs, Date.now);
  const published = new PublishedPositions(Date.now);
  let context: HeldContext | undefined;
  return {
    name: 'fanout',
    supports: fanoutSupports,
    limits: {
      ...defaultLimits,
      flushIntervalMs: options.flushIntervalMs ?? defaultLimits.flushIntervalMs,
      ...(publishesPerSecond !== undefined && { publishesPerSecond }),
    },
    channelName,
    async publish(channel, data, signal) {
      signal.throwIfAborted();
      const publications = publicationsOf(channel, data);
      const publish = async (): Promise<void> => {
        for (const [to, item] of publications) await publisher.publish(to, item);
      };
      await beforeAbort(publish(), signal).catch((error: unknown) => {
        published.forget(channel);
        throw signal.aborted ? signal.reason : wrapped(error);
      });
      const position = parsePosition(publications[0]?.[1].id);
      if (position) published.add(channel, position);
    },
    authorize: (request, allow) => grantChatToken(request, allow, tokens),
    connect(host: RealtimeHost) {
      context = {
        host,
        tokens,
        sessions: createChatTokens({ name: 'fanout-session', secret, ttlMs: sessionMs }),
        revocations,
        published,
        sessionMs,
        keepAliveMs: options.keepAliveMs ?? defaultKeepAliveMs,
        linkTimeoutMs: options.linkTimeoutMs ?? defaultLinkTimeoutMs,
        channelName,
      };
    },
    async route(request, path) {
      const isFromProxy = await isProxied(request, publisher);
      if (!context) return undefined;
      if (path === socketPath) {
        if (!isFromProxy) throw unproxied(request);
        if (isWsOverHttp(request)) return heldSocket(context, request);
        if (request.method === 'GET') return deviceStream(context, request);
        throw new ChatTransportError({ code: 'protocol', message: 'This route takes WebSockets and event streams.' });
      }
      const [, chatId, link] = /^\/([\w-]+)\/stream(?:\/([\w-]+))?$/.exec(path) ?? [];
      if (isFromProxy && chatId && request.method === 'GET') return chatStream(context, request, chatId, link);
      return undefined;
    },
    revoke(revocation) {
      revocations.add(revocation);
      // The process that made this revocation has closed the connections that were open then.
      if (revocation.agoMs !== undefined) return;
      const close = new Item([
        new WebSocketMessageFormat(null, true, closeCodes.revoked),
        new HttpStreamFormat(null, true),
      ]);
      for (const channel of revokedChannels(channelName(revocation.chatId), revocation)) {
        // What the proxy does not hear of ends with its session.
        publisher.publish(channel, close).catch(() => {});
      }
    },
  };
}

function unproxied({ headers }: Request): ChatTransportError {
  const what = headers.get('upgrade') ? 'A WebSocket' : 'A held stream';
  const message = `${what} needs the GRIP proxy, and this request did not come through it. Send requests to the proxy.`;
  return new ChatTransportError({ code: 'not-found', message });
}

function beforeAbort<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason);
    signal.addEventListener('abort', onAbort);
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

function wrapped(cause: unknown): ChatTransportError {
  const status = (cause as Partial<PublishException>).context?.statusCode ?? 0;
  if (status < 400) {
    return new ChatTransportError({ code: 'provider-failed', message: 'The GRIP proxy did not answer.', cause });
  }
  return statusError(status, `The GRIP proxy answered a publish with ${status}.`, cause);
}
