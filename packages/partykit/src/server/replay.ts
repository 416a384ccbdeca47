import { type Frame, type LogStore, type RunRow, wireVersion } from '@chat-transport/core/provider';

/** How much is replayed per run, in UTF-16 units. Who has missed more reads it from the log. */
const maxReplayLength = 256 * 1024;
/** How many runs are looked at. */
const maxReplayedRuns = 8;

/**
 * What was published behind offset `from` of a run, newer runs included. Synchronous: what is appended next is published live, and
 * nothing can come in between.
 */
export function* replay(store: LogStore, chatId: string, runId: string, from: number): Generator<Frame, void, void> {
  const known = store.run({ chatId, runId });
  if (!known) return;
  const newer = store.newestRuns(chatId, maxReplayedRuns).filter(({ turn }) => turn > known.turn);
  yield* framesOf(store, known, from);
  for (const row of newer.reverse()) {
    const start = store.start(row);
    if (start !== undefined) yield { ...headOf(row), start: JSON.parse(start) };
    yield* framesOf(store, row, 0);
  }
}

function* framesOf(store: LogStore, row: RunRow, from: number): Generator<Frame, void, void> {
  for (const { at, next, chunks } of store.frames(row, from, row.next, maxReplayLength)) {
    yield { ...headOf(row), at, next, chunks: JSON.parse(chunks) };
  }
  if (row.end) yield { ...headOf(row), at: row.next, end: { reason: row.end.reason } };
}

function headOf({ runId, turn }: RunRow): Pick<Frame, 'v' | 'run' | 'turn'> {
  return { v: wireVersion, run: runId, turn };
}
