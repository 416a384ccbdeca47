/**
 * What the service takes. The defaults are those of a Free account.
 * @source https://ably.com/docs/platform/pricing/limits (read 2026-11-29)
 */
export interface AblyLimits {
  /** Messages per second that one connection may publish: above, 42911; above 20 times as many, 42921. */
  readonly connectionPublishesPerSecond: number;
  /** Messages per second that may be published to one channel: above, 42913. */
  readonly channelPublishesPerSecond: number;
  /** Messages per second to one connection: what is above is dropped, and its channel loses continuity (80020). */
  readonly deliveriesPerSecond: number;
  /** Channels that one connection may have attached: above, 90010. */
  readonly channelsPerConnection: number;
  /** Connections of the app: above, 40111. */
  readonly connections: number;
  /** Bytes of one message: above, 40009. */
  readonly maxMessageBytes: number;
  /** How long a connection that went can be resumed, and messages are kept for it, in milliseconds. */
  readonly connectionStateTtlMs: number;
  /** Longest silence of a connection, in milliseconds. */
  readonly maxIdleMs: number;
}

export const defaultLimits: AblyLimits = {
  connectionPublishesPerSecond: 50,
  channelPublishesPerSecond: 50,
  deliveriesPerSecond: 500,
  channelsPerConnection: 200,
  connections: 200,
  maxMessageBytes: 65_536,
  connectionStateTtlMs: 120_000,
  maxIdleMs: 15_000,
};
