import {
  type Clock,
  defaultCommandTimeoutMs as sharedTimeoutMs,
  type TokenSource,
} from '@chat-transport/core/provider';

/** Options of `partykitSubscriber`. */
export interface PartykitSubscriberOptions {
  /** The Worker's chat routes, e.g. `https://chat.example.workers.dev/api/chat`; relative to the page. */
  readonly url: string;
  /**
   * Asks the server for a chat's ticket. A rejection with code `unauthorized` or `forbidden` is final, others are tried
   * again.
   */
  readonly authorize: TokenSource;
  /** The WebSocket class. Default: the platform's. */
  readonly webSocket?: (new (url: string) => WebSocket) | undefined;
  /** Silence before a ping, in milliseconds. Default {@link defaultHeartbeatMs}. */
  readonly heartbeatMs?: number | undefined;
  /** A socket that was silent for so long is dead, in milliseconds. Default {@link defaultDeadAfterMs}. */
  readonly deadAfterMs?: number | undefined;
  /**
   * How long a command's receipt may take before core posts the command, in milliseconds. Default
   * {@link defaultCommandTimeoutMs}.
   */
  readonly commandTimeoutMs?: number | undefined;
  /** Time, for tests. Default: the platform's. */
  readonly clock?: Clock | undefined;
}

/** Default of `heartbeatMs`. A ping costs a twentieth of a request, and does not wake the object. */
export const defaultHeartbeatMs = 15_000;
/** Default of `deadAfterMs`. */
export const defaultDeadAfterMs = 30_000;
/** Default of `commandTimeoutMs`. */
export const defaultCommandTimeoutMs: number = sharedTimeoutMs;
