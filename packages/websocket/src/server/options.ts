import type { IncomingMessage } from 'node:http';

/** Options of {@link websocketServer}. */
export interface WebSocketServerOptions {
  /**
   * Signs the subscribe tokens (HS256): at least 32 bytes, the same in every process. Default: random per process, so
   * that a token is valid only in the process that issued it.
   */
  readonly secret?: string | Uint8Array;
  /** How long a subscribe token is good for, in milliseconds. Default {@link defaultTokenTtlMs}. */
  readonly tokenTtlMs?: number;
  /**
   * How long a subscription lasts before the client must be authorized again, in milliseconds. Default
   * {@link defaultSubscriptionMs}.
   */
  readonly subscriptionMs?: number;
  /**
   * Origins (`https://app.example`) whose pages may connect, or `'*'`. Default: pages of the host that the handshake
   * names. A client without an Origin header is not a browser, and may connect.
   */
  readonly allowedOrigins?: readonly string[] | '*';
  /**
   * Where a handshake comes from, for `maxConnectionsPerAddress`. Default: the TCP peer, which behind a proxy is the
   * proxy.
   */
  readonly clientAddress?: (request: IncomingMessage) => string;
  /** Sockets of this process. Default {@link defaultMaxConnections}. */
  readonly maxConnections?: number;
  /** Sockets from one address. Default {@link defaultMaxConnectionsPerAddress}. */
  readonly maxConnectionsPerAddress?: number;
  /** Sockets of one user, where `authorize` answers with a `userId`. Default {@link defaultMaxConnectionsPerUser}. */
  readonly maxConnectionsPerUser?: number;
  /**
   * Headers that a frame of the AI SDK's own wire may bring to `authorize`, beside `authorization`: those that the app's pages set. A proxy in
   * front of the server sees none of them, so never name one that a proxy is trusted to set. Default: none.
   */
  readonly frameHeaders?: readonly string[];
  /** Chats that one socket may subscribe to. Default {@link defaultMaxSubscriptionsPerConnection}. */
  readonly maxSubscriptionsPerConnection?: number;
  /**
   * Requests of the AI SDK's own wire, and commands, that one socket may have open at a time. Default
   * {@link defaultMaxRequestsPerConnection}.
   */
  readonly maxRequestsPerConnection?: number;
  /** Largest frame a client may send, in bytes. Default {@link defaultMaxPayloadBytes}. */
  readonly maxPayloadBytes?: number;
  /**
   * Largest published message, in bytes; core sends a pointer instead of a larger one. Default
   * {@link defaultMaxMessageBytes}.
   */
  readonly maxMessageBytes?: number;
  /**
   * How many bytes may wait for one slow reader before it is sent to the log. Default {@link defaultMaxBufferedBytes}.
   */
  readonly maxBufferedBytes?: number;
  /**
   * How long a socket may stay without one accepted subscription or request, in milliseconds. Default
   * {@link defaultSubscribeTimeoutMs}.
   */
  readonly subscribeTimeoutMs?: number;
  /** Time between two pings, in milliseconds. Default {@link defaultHeartbeatMs}. */
  readonly heartbeatMs?: number;
  /** A socket that was silent for so long is dead, in milliseconds. Default {@link defaultDeadAfterMs}. */
  readonly deadAfterMs?: number;
  /** The clock, in milliseconds since 1970. Default `Date.now`. */
  readonly now?: () => number;
}

/** Default of `tokenTtlMs`. */
export const defaultTokenTtlMs = 60_000;
/** Default of `subscriptionMs`: as often as core asks `authorize` about streams. */
export const defaultSubscriptionMs = 60_000;
/** Default of `maxConnections`. */
export const defaultMaxConnections = 10_000;
/** Default of `maxConnectionsPerAddress`. */
export const defaultMaxConnectionsPerAddress = 256;
/** Default of `maxConnectionsPerUser`. */
export const defaultMaxConnectionsPerUser = 64;
/** Default of `maxSubscriptionsPerConnection`. */
export const defaultMaxSubscriptionsPerConnection = 64;
/** Default of `maxRequestsPerConnection`. */
export const defaultMaxRequestsPerConnection = 16;
/** Default of `maxPayloadBytes`: 4 MiB, as much as core takes in one request body. */
export const defaultMaxPayloadBytes: number = 4 * 1024 * 1024;
/** Default of `maxMessageBytes`: 1 MiB. */
export const defaultMaxMessageBytes: number = 1024 * 1024;
/** Default of `maxBufferedBytes`: 1 MiB. */
export const defaultMaxBufferedBytes: number = 1024 * 1024;
/** Default of `subscribeTimeoutMs`. */
export const defaultSubscribeTimeoutMs = 30_000;
/** Default of the server's `heartbeatMs`. */
export const defaultHeartbeatMs = 10_000;
/** Default of the server's `deadAfterMs`. */
export const defaultDeadAfterMs = 25_000;
/**
 * How long before its end a subscription is asked to authorize again, in milliseconds; at most half of
 * `subscriptionMs`.
 */
export const reauthorizeAheadMs = 30_000;
/** Subscribes that one socket may have refused in a row; one more closes it. */
export const maxRefusalsInARow = 32;

type Defaulted = 'secret' | 'allowedOrigins';

/** The options with every default in place. */
export type ResolvedOptions = Required<Omit<WebSocketServerOptions, Defaulted>> &
  Pick<WebSocketServerOptions, Defaulted>;

/** Puts the defaults in place. */
export function resolveOptions(options: WebSocketServerOptions): ResolvedOptions {
  return {
    tokenTtlMs: defaultTokenTtlMs,
    subscriptionMs: defaultSubscriptionMs,
    clientAddress: (request) => request.socket.remoteAddress ?? '',
    maxConnections: defaultMaxConnections,
    maxConnectionsPerAddress: defaultMaxConnectionsPerAddress,
    maxConnectionsPerUser: defaultMaxConnectionsPerUser,
    maxSubscriptionsPerConnection: defaultMaxSubscriptionsPerConnection,
    maxRequestsPerConnection: defaultMaxRequestsPerConnection,
    maxPayloadBytes: defaultMaxPayloadBytes,
    maxMessageBytes: defaultMaxMessageBytes,
    maxBufferedBytes: defaultMaxBufferedBytes,
    subscribeTimeoutMs: defaultSubscribeTimeoutMs,
    heartbeatMs: defaultHeartbeatMs,
    deadAfterMs: defaultDeadAfterMs,
    now: Date.now,
    ...options,
    frameHeaders: ['authorization', ...(options.frameHeaders ?? [])],
  };
}
