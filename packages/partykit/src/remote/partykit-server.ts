import { grantChatToken, type RealtimeServer, type RunLog } from '@chat-transport/core/provider';
import { defaultLimits } from '../limits.ts';
import { ticketsOf } from '../ticket.ts';
import { remoteLog } from './remote-log.ts';

/** Options of `partykitServer`. */
export interface PartykitServerOptions {
  /** The Worker's chat routes, e.g. `https://chat.example.workers.dev/api/chat`. */
  readonly url: string;
  /** The same as in `ChatServer.configure`: at least 32 bytes. */
  readonly secret: string;
  /** Shortest time between two flushes of an answer, in milliseconds. Each is a row written. @default defaultLimits */
  readonly flushIntervalMs?: number | undefined;
  /**
   * The chats that `sweep` looks at, beside those in which this process has begun runs that are not saved yet: an
   * object is found by its chat's id alone.
   */
  readonly listChats?: (() => Iterable<string> | PromiseLike<Iterable<string>>) | undefined;
  /** How long a call of the log may take, reconnects included, in milliseconds. @default defaultCallTimeoutMs */
  readonly callTimeoutMs?: number | undefined;
  /** How long a chat's socket stays open when nothing uses it, in milliseconds. @default defaultLingerMs */
  readonly lingerMs?: number | undefined;
  /** Silence before a ping, in milliseconds. At most, and by default, a tenth of the runs' lease. */
  readonly heartbeatMs?: number | undefined;
  /**
   * A socket that was silent for this long is dead, in milliseconds. At most, and by default, three tenths of the runs'
   * lease.
   */
  readonly deadAfterMs?: number | undefined;
  /** The WebSocket class. Default: the platform's, in Node 22 and newer. */
  readonly webSocket?: unknown;
}

/** Default of `callTimeoutMs`. */
export const defaultCallTimeoutMs = 10_000;
/** Default of `lingerMs`. */
export const defaultLingerMs = 10_000;

/** The server half where answers are made outside Cloudflare. */
export interface PartykitServer extends RealtimeServer {
  readonly log: RunLog;
  authorize: NonNullable<RealtimeServer['authorize']>;
}

/**
 * Makes answers here and keeps them in the chats' objects: give it to `createChatHandler` as `realtime`. It is the log
 * as well; `log.close()` closes its sockets.
 * @throws TypeError when `secret` is shorter than 32 bytes.
 */
export function partykitServer(options: PartykitServerOptions): PartykitServer {
  const tickets = ticketsOf(options.secret);
  const link = {
    url: options.url,
    tickets,
    webSocket: options.webSocket,
    callTimeoutMs: options.callTimeoutMs ?? defaultCallTimeoutMs,
    lingerMs: options.lingerMs ?? defaultLingerMs,
    heartbeatMs: options.heartbeatMs,
    deadAfterMs: options.deadAfterMs,
  };
  const log = remoteLog(link, options.listChats ?? (() => []));
  return {
    name: 'partykit',
    limits: { ...defaultLimits, flushIntervalMs: options.flushIntervalMs ?? defaultLimits.flushIntervalMs },
    log,
    channelName: (chatId) => chatId,
    // The log publishes: append and publish are one call.
    publish: async () => {},
    authorize: (request, allow) => grantChatToken(request, allow, tickets),
  };
}
