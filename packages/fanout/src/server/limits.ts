import type { PublishLimits } from '@chat-transport/core/provider';

/** What this service can do; the contract suite reads it. */
export const fanoutSupports = { ownLog: false, clientCommands: true, ordered: true } as const;

/**
 * What one message may be. Pushpin takes publishes of up to 1,000,000 bytes, and a message is in it three times, escaped as JSON:
 * for WebSockets, for streams and for long-polls. Fastly documents no limit of its own.
 * @source https://github.com/fastly/pushpin/blob/main/examples/config/pushpin.conf `push_in_http_max_body_size` (read 2026-11-22)
 */
export const defaultLimits: PublishLimits = { maxMessageBytes: 125_000, flushIntervalMs: 100 };
