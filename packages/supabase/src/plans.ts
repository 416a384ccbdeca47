/** What a Supabase project's plan lets through Realtime. */
export interface RealtimePlan {
  /** Broadcasts per second of the whole project: each one that is sent, and each delivery to a device. */
  readonly messagesPerSecond: number;
  /** The same per month, included in the price. */
  readonly messagesPerMonth: number;
  /** Largest payload of a broadcast, in bytes. */
  readonly maxPayloadBytes: number;
  /** Devices that are connected at the same time. */
  readonly connections: number;
  /** Default of `flushIntervalMs`, ours: how often an answer that is being written is broadcast, in milliseconds. */
  readonly flushIntervalMs: number;
}

/**
 * The plans.
 * @source https://supabase.com/docs/guides/realtime/limits and https://supabase.com/docs/guides/realtime/pricing (read 2026-11-22, supabase/supabase 3ab8f65)
 */
export const supabasePlans: { readonly free: RealtimePlan; readonly pro: RealtimePlan } = {
  free: {
    messagesPerSecond: 100,
    messagesPerMonth: 2_000_000,
    maxPayloadBytes: 256_000,
    connections: 200,
    flushIntervalMs: 200,
  },
  pro: {
    messagesPerSecond: 500,
    messagesPerMonth: 5_000_000,
    maxPayloadBytes: 3_000_000,
    connections: 500,
    flushIntervalMs: 100,
  },
};
