import type { RunEnd, RunRow } from '@chat-transport/core/provider';
import type { SqlRow } from './sql-database.ts';

/** A run as the database has it. */
export function toRunRow(row: SqlRow): RunRow {
  return {
    chatId: String(row.chat_id),
    runId: String(row.run_id),
    turn: Number(row.turn),
    digest: String(row.digest),
    joinKey: row.join_key === null ? undefined : String(row.join_key),
    fence: String(row.fence),
    leaseMs: Number(row.lease_ms),
    leaseUntil: Number(row.lease_until),
    next: Number(row.next),
    end: row.end_reason === null ? undefined : { reason: row.end_reason as RunEnd['reason'], at: Number(row.ended_at) },
    cancelIds: JSON.parse(String(row.cancel_ids)) as string[],
  };
}
