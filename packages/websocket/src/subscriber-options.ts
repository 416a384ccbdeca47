import {
  type Clock,
  defaultCommandTimeoutMs as sharedTimeoutMs,
  type TokenSource,
} from '@chat-transport/core/provider';

/** Options of `websocketSubscriber`. */
export interface WebSocketSubscriberOptions {
  /** The socket's address; relative to the page, `http` counts as `ws`. */
  readonly url: string;
  /**
   * Asks the server for a token that subscribes one chat. A rejection with code `unauthorized` or `forbidden` is final,
   * others are tried again.
   */
  readonly authorize: TokenSource;
  /** The WebSocket class. Default: the platform's. */
  readonly webSocket?: (new (url: string) => WebSocket) | undefined;
  /** Silence before a ping, in milliseconds. Default {@link defaultHeartbeatMs}. */
  readonly heartbeatMs?: number | undefined;
  /** A socket that was silent for so long is dead, in milliseconds. Default {@link defaultDeadAfterMs}. */
  readonly deadAfterMs?: number | undefined;
  /** How long the socket stays open without a subscription, in milliseconds. Default {@link defaultLingerMs}. */
  readonly lingerMs?: number | undefined;
  /**
   * How many sockets this page may open; each carries as many chats as the server allows. Default
   * {@link defaultMaxSockets}.
   */
  readonly maxSockets?: number | undefined;
  /**
   * How long a command's receipt may take before core posts the command, in milliseconds. Default
   * {@link defaultCommandTimeoutMs}.
   */
  readonly commandTimeoutMs?: number | undefined;
  /** Time, for tests. Default: the platform's. */
  readonly clock?: Clock | undefined;
}

/** Default of `heartbeatMs`. */
export const defaultHeartbeatMs = 10_000;
/** Default of `deadAfterMs`. */
export const defaultDeadAfterMs = 25_000;
/** Default of `lingerMs`. */
export const defaultLingerMs = 1_000;
/** Default of `commandTimeoutMs`. */
export const defaultCommandTimeoutMs: number = sharedTimeoutMs;
/** Default of `maxSockets`: with 64 chats on each, 512 chats. */
export const defaultMaxSockets = 8;
