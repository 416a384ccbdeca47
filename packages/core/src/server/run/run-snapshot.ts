import type { UIMessageChunk } from 'ai';
import { compact, replayMessage } from '../../wire/compact.ts';
import { continuedBy } from '../conversation/history.ts';
import { sseGroup } from '../http/sse-text.ts';
import { withCallsClosed } from './close-calls.ts';
import type { WholeRun } from './whole-runs.ts';

/** A run from its start, compacted and encoded, as a reader gets it that has nothing yet. */
export interface RunSnapshot {
  /** How many offsets are in it; 0: there is nothing to send. */
  readonly next: number;
  /** Which chunks a stock reader has seen the run's end by. */
  readonly seen: SeenChunks;
  /** The events. `withEarlierParts`: behind the message that the run continues, for a reader that empties it. */
  bytes(withEarlierParts: boolean): Uint8Array;
}

/** What a reader has been shown, as far as it matters for the run's end. */
export interface SeenChunks {
  error: boolean;
  abort: boolean;
  /** Its open tool calls were closed. */
  closed: boolean;
}

/** Encodes a run once for all of its readers. */
export function encodeSnapshot(whole: WholeRun): RunSnapshot {
  const { run, chunks, next } = whole;
  const seen: SeenChunks = { error: false, abort: false, closed: run.end !== undefined };
  noteSeen(seen, chunks);
  const encoder = new TextEncoder();
  const encoded = new Map<boolean, Uint8Array>();
  const text = (): string => {
    if (next === 0) return '';
    const closed = withCallsClosed(run, chunks);
    const compacted = compact(closed);
    return sseGroup(compacted.length > 0 ? compacted : closed, { run: run.runId, next });
  };
  return {
    next,
    seen,
    bytes(withEarlierParts) {
      const known = encoded.get(withEarlierParts);
      if (known) return known;
      const bytes = encoder.encode((withEarlierParts ? sseGroup(earlierParts(whole)) : '') + text());
      encoded.set(withEarlierParts, bytes);
      return bytes;
    },
  };
}

/** Notes which of a run's last chunks came. */
export function noteSeen(seen: SeenChunks, chunks: readonly UIMessageChunk[]): void {
  for (const { type } of chunks) {
    if (type === 'error') seen.error = true;
    if (type === 'abort') seen.abort = true;
  }
}

function earlierParts({ run, chunks }: WholeRun): UIMessageChunk[] {
  const message = continuedBy(run.start);
  if (!message) return [];
  const { id: messageId, metadata: messageMetadata } = message;
  const start = { type: 'start' as const, messageId, ...(messageMetadata !== undefined && { messageMetadata }) };
  return [start, ...replayMessage(message, chunks)];
}
