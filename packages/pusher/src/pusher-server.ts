import {
  type AllowChat,
  ChatTransportError,
  privateCacheControl,
  type RealtimeServer,
  readBodyText,
} from '@chat-transport/core/provider';
import { defaultChannelPrefix, frameEvent } from './channel-names.ts';

/** What this service can do; the contract suite reads it. */
export const pusherSupports = { ownLog: false, clientCommands: false, ordered: false } as const;

/**
 * Largest message, in bytes of UTF-8. Core sends a pointer instead of a larger one.
 * @source https://pusher.com/docs/channels/library_auth_reference/rest-api/ (read 2026-11-22): 10 KB, else 413
 */
export const maxMessageBytes = 10_240;

/** The default of `flushIntervalMs`: Pusher counts messages, not bytes. */
export const defaultFlushIntervalMs = 100;

/** What is used of the `pusher` package. */
export interface PusherServerClient {
  trigger(channel: string, event: string, data: string): Promise<{ text(): Promise<string> }>;
  authorizeChannel(socketId: string, channel: string): { readonly auth: string };
}

/** Options of `pusher`. */
export interface PusherServerOptions {
  /** A client of the `pusher` package. */
  readonly client: PusherServerClient;
  /** Shortest time between two messages of a run, in milliseconds. @default defaultFlushIntervalMs */
  readonly flushIntervalMs?: number;
  /**
   * Messages per second over all runs of this process: above it, messages grow. @default no limit: Pusher names none
   */
  readonly publishesPerSecond?: number;
  /** In front of the chat's id. It must begin with `private-`. @default defaultChannelPrefix */
  readonly channelPrefix?: string;
}

/** The server half. Give it to `createChatHandler` as `realtime`. */
export interface PusherServer extends RealtimeServer {
  readonly supports: typeof pusherSupports;
  authorize: NonNullable<RealtimeServer['authorize']>;
}

/**
 * Publishes chats on private channels of Pusher.
 * @throws TypeError for a `channelPrefix` that anybody could subscribe to, or that Pusher does not take.
 */
export function pusher(options: PusherServerOptions): PusherServer {
  const { client, flushIntervalMs = defaultFlushIntervalMs, publishesPerSecond } = options;
  const prefix = options.channelPrefix ?? defaultChannelPrefix;
  checkPrefix(prefix);
  return {
    name: 'pusher',
    supports: pusherSupports,
    limits: { maxMessageBytes, flushIntervalMs, ...(publishesPerSecond !== undefined && { publishesPerSecond }) },
    channelName: (chatId) => prefix + chatId,
    async publish(channel, data, signal) {
      signal.throwIfAborted();
      try {
        const response = await client.trigger(channel, frameEvent, data);
        // An answer that nobody reads keeps its connection.
        await response.text();
      } catch (error) {
        throw wrapped(error);
      }
    },
    async authorize(request, allow) {
      const { socketId, channel } = await subscriptionOf(request);
      await allowChannel(channel, prefix, allow);
      return Response.json(authorized(client, socketId, channel), {
        headers: { 'cache-control': privateCacheControl },
      });
    },
  };
}

/** Pusher's names may have 164 characters, and a chat's id has up to 128. */
const longestPrefix = 164 - 128;

function checkPrefix(prefix: string): void {
  if (/^private-(?!encrypted-|cache-)[\w=@,.;-]+-$/.test(prefix) && prefix.length <= longestPrefix) return;
  throw new TypeError(
    `channelPrefix "${prefix}" must begin with private-, not with private-encrypted- or private-cache-, end with -, ` +
      `and have at most ${longestPrefix} letters, digits and _-=@,.;`,
  );
}

const maxBodyBytes = 4096;
/**
 * The socket ids that Pusher gives.
 * @source https://pusher.com/docs/channels/library_auth_reference/auth-signatures/ (read 2026-11-22), and the pattern
 * of the `pusher` package
 */
const socketIdPattern = /^\d+\.\d+$/;

/** What `pusher-js` posts. */
async function subscriptionOf(request: Request): Promise<{ socketId: string; channel: string }> {
  const type = request.headers.get('content-type')?.split(';')[0]?.trim().toLowerCase();
  if (type !== 'application/x-www-form-urlencoded') {
    const message = `The content type must be application/x-www-form-urlencoded; it is ${type || 'absent'}.`;
    throw new ChatTransportError({ code: 'unsupported-media-type', message });
  }
  const form = new URLSearchParams(await readBodyText(request, maxBodyBytes));
  const [socketId, anotherSocket] = form.getAll('socket_id');
  const [channel, anotherChannel] = form.getAll('channel_name');
  // With two values of one name, the authorized channel and the signed channel could differ.
  const isForm = socketId && channel && anotherSocket === undefined && anotherChannel === undefined;
  if (isForm && socketIdPattern.test(socketId)) return { socketId, channel };
  throw new ChatTransportError({
    code: 'invalid-body',
    message: isForm
      ? 'The `socket_id` does not have the form of Pusher’s socket ids.'
      : 'The body must be a form with one `socket_id` and one `channel_name`, as pusher-js sends it.',
  });
}

async function allowChannel(channel: string, prefix: string, allow: AllowChat): Promise<void> {
  if (channel.startsWith(prefix)) {
    await allow(channel.slice(prefix.length));
    return;
  }
  throw new ChatTransportError({ code: 'forbidden', message: 'This channel is not a chat’s channel.' });
}

function authorized(client: PusherServerClient, socketId: string, channel: string): { auth: string } {
  try {
    return client.authorizeChannel(socketId, channel);
  } catch (cause) {
    throw new ChatTransportError({
      code: 'invalid-body',
      message: 'The `socket_id` does not have the form of Pusher’s socket ids.',
      cause,
    });
  }
}

/** @source https://pusher.com/docs/channels/library_auth_reference/rest-api/ (read 2026-11-22): the statuses */
function wrapped(cause: unknown): ChatTransportError {
  const { status } = cause as { status?: number };
  const failed = (message: string, code: 'too-large' | 'rate-limited' | 'provider-failed' = 'provider-failed') =>
    new ChatTransportError({ code, message: `Pusher ${message}`, cause });
  if (status === 413)
    return failed(`refused a message as too large; the limit is ${maxMessageBytes} bytes.`, 'too-large');
  if (status === 429) return failed('asks for fewer messages (429).', 'rate-limited');
  if (status === 403) return failed('refused a message (403): the app is disabled or over its quota.');
  if (status !== undefined) return failed(`answered ${status}.`);
  return failed('did not answer.');
}
