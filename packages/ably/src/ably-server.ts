import {
  allowChats,
  ChatTransportError,
  privateCacheControl,
  type RealtimeServer,
} from '@chat-transport/core/provider';
import type { ErrorInfo, Message, RealtimeClient, RestClient } from 'ably';
import { SignJWT } from 'jose';
import { defaultChannelPrefix, frameEvent } from './channel-names.ts';

/** What this service can do; the contract suite reads it. */
export const ablySupports = { ownLog: false, clientCommands: false, ordered: true } as const;

/**
 * Largest message, in bytes of UTF-8. Ably takes 64 KiB with everything that belongs to a message.
 * @source https://ably.com/docs/platform/pricing/limits (read 2026-11-29); ably-js 2.28 itself refuses more (40009)
 */
export const maxMessageBytes: number = 60 * 1024;
/** The default of `flushIntervalMs`: Ably bills messages. */
export const defaultFlushIntervalMs = 100;
/**
 * The default of `publishesPerSecond`. A connection may publish 50 messages per second, and as many may be published to
 * one channel.
 * @source https://ably.com/docs/platform/pricing/limits (read 2026-11-29)
 */
export const defaultPublishesPerSecond = 40;
/** Shortest time between two attempts to connect that a publish asks for, in milliseconds. */
const retryMs = 1_000;
/** The default of `tokenTtlMs`: for how long a device may listen before `authorize` is asked again. */
export const defaultTokenTtlMs = 600_000;

/** What is used of the `ably` package. */
export type AblyServerClient =
  | Pick<RealtimeClient, 'channels' | 'connection' | 'connect'>
  | Pick<RestClient, 'channels'>;

/** Options of `ably`. */
export interface AblyServerOptions {
  /** An `Ably.Realtime`, or an `Ably.Rest` for edge runtimes. */
  readonly client: AblyServerClient;
  /** The key that signs tokens, `name:secret`. @default the client's own */
  readonly key?: string;
  /** Shortest time between two messages of a run, in milliseconds. @default defaultFlushIntervalMs */
  readonly flushIntervalMs?: number;
  /** Messages per second over all runs of this process: above it, messages grow. @default defaultPublishesPerSecond */
  readonly publishesPerSecond?: number;
  /** In front of the chat's id. @default defaultChannelPrefix */
  readonly channelPrefix?: string;
  /** How long a token is valid, in milliseconds. Clients renew it in place. @default defaultTokenTtlMs */
  readonly tokenTtlMs?: number;
  /** The time in milliseconds since 1970, for tokens. @default Date.now */
  readonly now?: () => number;
}

/** The server half. Give it to `createChatHandler` as `realtime`. */
export interface AblyServer extends RealtimeServer {
  readonly supports: typeof ablySupports;
  authorize: NonNullable<RealtimeServer['authorize']>;
}

/**
 * Publishes chats on channels of Ably.
 * @throws TypeError without a key, and for a `channelPrefix` that Ably does not take.
 */
export function ably(options: AblyServerOptions): AblyServer {
  const { client, tokenTtlMs = defaultTokenTtlMs, now = Date.now } = options;
  const { flushIntervalMs = defaultFlushIntervalMs, publishesPerSecond = defaultPublishesPerSecond } = options;
  const prefix = options.channelPrefix ?? defaultChannelPrefix;
  const key = options.key ?? (client as { readonly options?: { readonly key?: string } }).options?.key ?? '';
  const [kid = '', secret] = key.split(/:(.*)/s);
  if (!secret) throw new TypeError('Pass `key` ("name:secret"), or a client that was made with one.');
  if (!/^[^[:*\s][^*\s]*$/.test(prefix))
    throw new TypeError(`channelPrefix "${prefix}" cannot begin the name of an Ably channel.`);
  const revive = reviver(client);
  return {
    name: 'ably',
    supports: ablySupports,
    limits: { maxMessageBytes, flushIntervalMs, publishesPerSecond, pipelined: 'connection' in client },
    channelName: (chatId) => prefix + chatId,
    async publish(channel, data, signal, id) {
      signal.throwIfAborted();
      revive();
      try {
        await publish(client, channel, { id, name: frameEvent, data });
      } catch (error) {
        throw wrapped(error as ErrorInfo);
      }
    },
    async authorize(request, allow) {
      const chatIds = await allowChats(request, allow);
      const capability = Object.fromEntries(chatIds.map((chatId) => [prefix + chatId, ['subscribe']]));
      // Signed here and not by Ably's `createTokenRequest`, which costs the client one more round trip.
      const token = await new SignJWT({ 'x-ably-capability': JSON.stringify(capability) })
        .setProtectedHeader({ typ: 'JWT', alg: 'HS256', kid })
        .setIssuedAt(new Date(now()))
        .setExpirationTime(new Date(now() + tokenTtlMs))
        .sign(new TextEncoder().encode(secret));
      return Response.json({ token, chatIds }, { headers: { 'cache-control': privateCacheControl } });
    },
  };
}

/** Publishes on a channel that need not be attached. */
function publish(client: AblyServerClient, name: string, message: Message): Promise<unknown> {
  const channel = client.channels.get(name);
  const published = channel.publish(message);
  // The client keeps every channel it was asked for, and there are as many as chats. One that the app has attached
  // stays.
  if (!('state' in channel) || channel.state === 'initialized') client.channels.release(name);
  return published;
}

/**
 * Makes a client connect that would wait: 15 s after a lost connection, 30 s after two minutes without one, and for
 * ever after Ably has cut it off. Messages queue up meanwhile.
 */
function reviver(client: AblyServerClient): () => void {
  const waiting: readonly string[] = ['initialized', 'disconnected', 'suspended', 'failed'];
  let triedAt = Number.NEGATIVE_INFINITY;
  return () => {
    if (!('connection' in client) || !waiting.includes(client.connection.state)) return;
    if (performance.now() - triedAt < retryMs) return;
    triedAt = performance.now();
    client.connect();
  };
}

/**
 * What is in front of Ably may refuse a request with a status alone.
 * @source https://ably.com/docs/platform/errors/codes (read 2026-11-29): 429xx are rates, 40009 is the size
 */
function wrapped(cause: ErrorInfo): ChatTransportError {
  const isRate = cause.statusCode === 429 || Math.floor(cause.code / 100) === 429;
  const code = cause.code === 40009 ? 'too-large' : isRate ? 'rate-limited' : 'provider-failed';
  return new ChatTransportError({ code, message: `Ably did not publish (${cause.code || cause.statusCode}).`, cause });
}
