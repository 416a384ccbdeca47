import type { EndReason, Facts, OpenCommand, StoredFrame, StoredRun } from '@chat-transport/core/provider';

/** A run's row as a script answers it, its start and its id behind it. */
export type RowReply = readonly (string | null)[];

/** A stream's entry: its id, and its one field. */
export type EntryReply = readonly [id: string, fields: readonly [name: string, chunks: string]];

/** What the script `readFacts` answers. */
export type FactsReply = readonly [
  now: number,
  version: string,
  turn: number,
  deletedTurn: number,
  run: RowReply | null,
  steer: readonly [receipt: string | null] | null,
  steerCounts: readonly [all: number, open: number, openLength: number] | null,
  openCommands: readonly string[] | null,
  lastFrame: readonly EntryReply[] | null,
  frames: readonly EntryReply[] | null,
  snapshot: string | null,
  newest: readonly RowReply[],
  conversation: readonly [length: number, newer: readonly string[]] | null,
  parked: string | null,
  claim: readonly [claim: readonly [owner: string | null, until: string | null], count: number] | null,
  context: string | null,
];

export function toFacts(chatId: string, reply: FactsReply): Facts {
  const [now, , turn, deletedTurn, run, steer, counts, open, last, frames, snapshot, newest, ...others] = reply;
  const [messages, parked, claim, context] = others;
  const [[owner, until], claimCount] = claim ?? [[null, null], 0];
  return {
    now,
    turn,
    deletedTurn,
    run: run ? toRun(chatId, run) : undefined,
    steer: steer ? { receipt: steer[0] ? JSON.parse(steer[0]) : undefined } : undefined,
    steerCounts: counts ? { all: counts[0], open: counts[1], openLength: counts[2] } : undefined,
    openCommands: toOpenCommands(open ?? []),
    lastFrame: last?.map(toFrame)[0],
    frames: frames?.map(toFrame) ?? [],
    snapshot: snapshot ?? undefined,
    context: context ?? undefined,
    newest: newest.flatMap((row) => toRun(chatId, row) ?? []),
    conversation: messages
      ? { length: messages[0], newer: messages[1].map((entry) => entry.slice(entry.indexOf(' ') + 1)) }
      : undefined,
    parked: parked ? JSON.parse(parked) : [],
    claim: owner && until ? { owner, until: Number(until) } : undefined,
    claimCount,
  };
}

/** The run, if there is one. */
function toRun(chatId: string, reply: RowReply): StoredRun | undefined {
  const [turn, digest, joinKey, fence, leaseMs, leaseUntil, next, reason, endedAt, cancelIds, ...others] = reply;
  const [attempt, takeOverMs, start, runId] = others;
  if (!turn || !digest || !fence || !runId) return;
  return {
    chatId,
    runId,
    turn: Number(turn),
    digest,
    joinKey: joinKey ?? undefined,
    fence,
    // Rows that an older version of this package has begun have neither.
    attempt: Number(attempt ?? 1),
    leaseMs: Number(leaseMs),
    leaseUntil: Number(leaseUntil),
    takeOverMs: Number(takeOverMs ?? 0),
    next: Number(next),
    end: reason ? { reason: reason as EndReason, at: Number(endedAt) } : undefined,
    cancelIds: JSON.parse(cancelIds ?? '[]'),
    start: start ?? undefined,
  };
}

/** Positions and commands, one after the other. */
export function toOpenCommands(reply: readonly string[]): OpenCommand[] {
  return reply.flatMap((command, index) => (index % 2 ? [{ position: Number(reply[index - 1]), command }] : []));
}

/**
 * The id of a frame's entry: `<at>-<count>`, so that the stream itself keeps frames in order and finds one by its
 * offset.
 */
export function entryId({ at, next }: StoredFrame): string {
  return `${at}-${next - at}`;
}

function toFrame([id, [, chunks]]: EntryReply): StoredFrame {
  const [at = 0, count = 0] = id.split('-').map(Number);
  return { at, next: at + count, chunks };
}
