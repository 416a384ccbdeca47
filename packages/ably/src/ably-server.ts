import { allowChats, ChatTransportError, type RealtimeServer } from '@chat-transport/core/provider';
import type { ErrorInfo, RealtimeClient, RestClient } from 'ably';
import { defaultChannelPrefix, frameEvent } from './channel-names.ts';
import { signToken } from './sign-token.ts';

/** What this service can do; the contract suite reads it. */
export const ablySupports = { ownLog: false, clientCommands: false, ordered: true } as const;

/**
 * Largest message, in bytes of UTF-8. Ably takes 64 KiB of name, data and everything else of a message.
 * @source https://ably.com/docs/platform/pricing/limits (read 2026-11-29); ably-js 2.28 refuses more itself (40009)
 */
export const maxMessageBytes: number = 60 * 1024;

/** The default of `flushIntervalMs`: Ably bills messages. */
export const defaultFlushIntervalMs = 100;

/**
 * The default of `publishesPerSecond`. A connection may publish 50 messages per second, and so may all connections together to one channel.
 * @source https://ably.com/docs/platform/pricing/limits (read 2026-11-29)
 */
export const defaultPublishesPerSecond = 40;

/** The default of `tokenTtlMs`: how long a device may listen before `authorize` is asked again. */
export const defaultTokenTtlMs = 600_000;

/** What is used of the `ably` package on a server. */
export type AblyServerClient =
  | Pick<RealtimeClient, 'channels' | 'connection' | 'connect'>
  | Pick<RestClient, 'channels'>;

/** Options of `ably`. */
export interface AblyServerOptions {
  /** An `Ably.Realtime` with `echoMessages: false` (long-lived processes and Node functions), or an `Ably.Rest` (edge runtimes). */
  readonly client: AblyServerClient;
  /** The key that signs tokens, `name:secret`. @default the client's own */
  readonly key?: string;
  /** Shortest time between two messages of a run, in milliseconds. @default defaultFlushIntervalMs */
  readonly flushIntervalMs?: number;
  /** Messages per second over all runs of this process: above it, messages grow. @default defaultPublishesPerSecond */
  readonly publishesPerSecond?: number;
  /** In front of the chat's id. @default defaultChannelPrefix */
  readonly channelPrefix?: string;
  /** How long a token is good for, in milliseconds. It is renewed in place. @default defaultTokenTtlMs */
  readonly tokenTtlMs?: number;
  /** The time in milliseconds, for tokens. @default Date.now */
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
  const key = options.key ?? (client as { readonly options?: { readonly key?: string } }).options?.key;
  if (!key?.includes(':')) throw new TypeError('Pass `key` ("name:secret"), or a client that was made with one.');
  if (!/^[^[:*\s][^*\s]*$/.test(prefix)) throw new TypeError(`channelPrefix "${prefix}" is no beginning of a channel.`);
  return {
    name: 'ably',
    supports: ablySupports,
    limits: { maxMessageBytes, flushIntervalMs, publishesPerSecond },
    channelName: (chatId) => prefix + chatId,
    async publish(name, data, signal) {
      signal.throwIfAborted();
      revive(client);
      try {
        await published(client, name, data);
      } catch (error) {
        throw wrapped(error as ErrorInfo);
      }
    },
    async authorize(request, allow) {
      const chatIds = await allowChats(request, allow);
      const channels = chatIds.map((chatId) => prefix + chatId);
      const token = await signToken({ key, channels, issuedAtMs: now(), ttlMs: tokenTtlMs });
      return Response.json({ token, chatIds }, { headers: { 'cache-control': 'no-store' } });
    },
  };
}

/** The client keeps each channel that it was asked for. One that nobody attached is given back at once: there are as many as chats. */
function published({ channels }: AblyServerClient, name: string, data: string): Promise<unknown> {
  const channel = channels.get(name);
  const done = channel.publish({ name: frameEvent, data });
  if (!('state' in channel) || channel.state === 'initialized') channels.release(name);
  return done;
}

/** A client that Ably has cut off, or that was away for two minutes, publishes nothing until it is told to connect. */
function revive(client: AblyServerClient): void {
  if (!('connection' in client)) return;
  if (['initialized', 'suspended', 'failed'].includes(client.connection.state)) client.connect();
}

/** @source https://ably.com/docs/platform/errors/codes (read 2026-11-29): 429xx are rates, 40009 is the size */
function wrapped(cause: ErrorInfo): ChatTransportError {
  const { code, message } = cause;
  if (code >= 42900 && code < 43000)
    return new ChatTransportError({ code: 'rate-limited', message: `Ably asks for fewer messages (${code}).`, cause });
  if (code === 40009)
    return new ChatTransportError({ code: 'too-large', message: 'Ably refused a message as too large.', cause });
  return new ChatTransportError({
    code: 'provider-failed',
    message: `Ably did not publish (${code ?? message}).`,
    cause,
  });
}
