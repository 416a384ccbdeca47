import type { PublishLimits } from '@chat-transport/core/provider';

/** What this service can do; the contract suite reads it. */
export const partykitSupports = { ownLog: true, clientCommands: true, ordered: true } as const;

/**
 * What one frame may be. The service itself sets no limit to what an object sends; 1 MiB keeps many readers within an
 * object's 128 MB. Every flush is a row written, and 100,000 of those a day are free: 100 ms is the interval that
 * Cloudflare advises for batches.
 * @source https://developers.cloudflare.com/durable-objects/platform/limits/ and
 * https://developers.cloudflare.com/durable-objects/best-practices/websockets/ (read 2026-11-22)
 */
export const defaultLimits: PublishLimits = { maxMessageBytes: 1024 * 1024, flushIntervalMs: 100 };

/**
 * Largest message that an object receives over a socket, in bytes. The platform closes the socket at a larger one.
 * @source https://developers.cloudflare.com/durable-objects/platform/limits/ (read 2026-11-22): 32 MiB
 */
export const maxInboundBytes: number = 32 * 1024 * 1024;
