import { deletionFrame, type StoredRun, wireVersion } from '@chat-transport/core/provider';
import type { SqlStore } from '@chat-transport/sqlite/sql';

/** How many runs are replayed at most. */
const maxReplayedRuns = 8;
const encoder = new TextEncoder();

/** What `replay` needs. */
export interface ReplayOptions {
  readonly store: SqlStore;
  readonly chatId: string;
  /** The device's position: what it misses is behind offset `from` of this run. */
  readonly runId: string;
  readonly from: number;
  /** The most that is replayed, in UTF-16 units. */
  readonly maxLength: number;
  /** Larger messages are pointers, in bytes of UTF-8. */
  readonly maxMessageBytes: number;
}

/**
 * The messages that a device has missed, newer runs included; none where they exceed `maxLength`: such a device reads
 * the log's snapshot, which all readers share. Synchronous: what is appended next is published live, and nothing can
 * come in between. The chunks' text goes out as it is stored.
 */
export function replay({ store, chatId, runId, from, maxLength, maxMessageBytes }: ReplayOptions): readonly string[] {
  const {
    run: known,
    newest,
    deletedTurn,
  } = store.facts(chatId, { run: runId, newest: maxReplayedRuns, starts: true });
  if (!known) return [];
  const messages: string[] = [];
  let length = 0;
  const add = (text: string): boolean => {
    length += text.length;
    messages.push(text);
    return length <= maxLength;
  };
  const addFrames = (row: StoredRun, offset: number): boolean => {
    let reached = offset;
    const { frames } = store.facts(chatId, { run: row.runId, frames: { from: offset, maxLength } });
    for (const { at, next, chunks } of frames) {
      const pointer = headOf(row, { at, next });
      const text = `${pointer.slice(0, -1)},"chunks":${chunks}}`;
      if (!add(fits(text, maxMessageBytes) ? text : pointer)) return false;
      reached = next;
    }
    if (reached < row.next) return false;
    return !row.end || add(headOf(row, { at: row.next, end: { reason: row.end.reason } }));
  };
  const isDeleted = known.turn <= deletedTurn;
  if (isDeleted) add(JSON.stringify(deletionFrame(deletedTurn)));
  else if (!addFrames(known, from)) return [];
  for (const row of newest.filter(({ turn }) => turn > Math.max(known.turn, deletedTurn)).reverse()) {
    if (row.start !== undefined && !add(headOf(row, { start: JSON.parse(row.start) }))) return [];
    if (!addFrames(row, 0)) return [];
  }
  return messages;
}

function headOf({ runId, turn }: StoredRun, fields: object): string {
  return JSON.stringify({ v: wireVersion, run: runId, turn, ...fields });
}

function fits(text: string, maxBytes: number): boolean {
  return text.length <= maxBytes / 3 || encoder.encode(text).length <= maxBytes;
}
