import type { EndReason, RunKey, RunRow } from '@chat-transport/core/provider';

/** A run's row as a script answers it: `turn`, `digest`, `joinKey`, `fence`, `leaseMs`, `leaseUntil`, `next`, `reason`, `endedAt`. */
export type RowReply = readonly (string | null)[];

/** A stream's entry: its id, and its one field. */
export type EntryReply = readonly [id: string, fields: readonly [name: string, chunks: string]];

/** The run, if there is one. The ids of its cancels stay in Redis, where they are asked for. */
export function toRow({ chatId, runId }: RunKey, reply: RowReply): RunRow | undefined {
  const [turn, digest, joinKey, fence, leaseMs, leaseUntil, next, reason, endedAt] = reply;
  if (!turn || !digest || !fence) return;
  return {
    chatId,
    runId,
    turn: Number(turn),
    digest,
    joinKey: joinKey ?? undefined,
    fence,
    leaseMs: Number(leaseMs),
    leaseUntil: Number(leaseUntil),
    next: Number(next),
    end: reason ? { reason: reason as EndReason, at: Number(endedAt) } : undefined,
    cancelIds: [],
  };
}

/** The id of a frame's entry: `<at>-<count>`, so that the stream itself keeps frames in order and finds one by its offset. */
export function entryId(at: number, next: number): string {
  return `${at}-${next - at}`;
}

export function toFrame([id, [, chunks]]: EntryReply): { at: number; next: number; chunks: string } {
  const [at = 0, count = 0] = id.split('-').map(Number);
  return { at, next: at + count, chunks };
}
