import type { UIMessageChunk } from 'ai';
import { ChatTransportError } from '../../errors.ts';
import { deletionFrame } from '../../log/deletion-frame.ts';
import type { RunRecord } from '../../log/run-log.ts';
import { noteLost } from '../conversation/head.ts';
import type { Engine } from '../engine.ts';
import { closingChunks } from '../run/close-calls.ts';
import { type LogPage, readRun } from '../run/read-run.ts';
import { noteSeen, type SeenChunks } from '../run/run-snapshot.ts';
import { isGone } from '../run/whole-runs.ts';
import type { Patience } from './patience.ts';
import type { SseText } from './sse-response.ts';
import { closingChunk, endFrameOf, sseEnd, sseFrame, sseGroup, startFrameOf } from './sse-text.ts';

/** How one run is streamed. */
export interface RunView {
  /** The reader's position. At 0 it gets what is in the log compacted, unless `raw`. */
  readonly from: number;
  /** Every chunk as the model sent it, for the run's own sender: it shows transient data and runs client tools. */
  readonly raw?: boolean;
  /** Begins with the message that the run continues, for a reader that empties it: `useChat` on resume. */
  readonly withEarlierParts?: boolean;
  /** The reader is held by somebody else at `from`, and has not left: even at the very end it has not seen how the run ended. */
  readonly isHeld?: boolean | undefined;
  /** Tells start and end as frames, for clients that follow a chat. */
  readonly asFrames?: 'end' | 'start-and-end';
  /** What the log answered already for `from`. */
  readonly read?: LogPage | undefined;
  /** Who takes turns for the reader. */
  readonly party: string;
}

/** The run's events from a position to its end. Returns whether it came to the end; it does not where `patience` ran out. */
export async function* streamRun(
  engine: Engine,
  run: RunRecord,
  view: RunView,
  signal: AbortSignal,
  patience: Patience | undefined,
): AsyncGenerator<SseText, boolean, void> {
  const { from, raw, withEarlierParts = false, asFrames, read, party } = view;
  let seen: SeenChunks = { error: false, abort: false, closed: false };
  let position = from;
  if (asFrames === 'start-and-end') yield sseFrame(startFrameOf(run));
  if (position === 0 && !raw) {
    const snapshot = await engine.runs.snapshot(run, party);
    const bytes = snapshot.bytes(withEarlierParts);
    // However many readers begin together, what each of them is sent is written in a turn of its own.
    await engine.turns.take(party);
    signal.throwIfAborted();
    if (bytes.length > 0) yield bytes;
    seen = { ...snapshot.seen };
    position = snapshot.next;
  }
  // The run's writer may be in this process and not have heard of the end yet.
  if (run.end && position === run.next) {
    yield await endText(engine, run, view, seen);
    return true;
  }

  const options = { signal, read: position === from ? read : undefined, ...(patience && { waitMs: patience.left }) };
  for await (const news of readRun(engine, run, position, options)) {
    if (news.type === 'frames') {
      for (const { chunks } of news.frames) noteSeen(seen, chunks);
      yield news.frames.map(({ chunks, next }) => sseGroup(chunks, { run: run.runId, next })).join('');
      continue;
    }
    yield await endText(engine, news.run, view, seen);
    return true;
  }
  return false;
}

/** What a reader gets when the run is over. */
async function endText(engine: Engine, run: RunRecord, view: RunView, seen: SeenChunks): Promise<string> {
  noteLost(engine, run);
  if (view.asFrames) return sseFrame(endFrameOf(run));
  return sseEnd(run, run.end?.reason ?? 'lost', await lastChunks(engine, run, view, seen));
}

/** What a stock reader has to see in front of the end: its open tool calls closed, and that the run did not finish. */
async function lastChunks(
  engine: Engine,
  run: RunRecord,
  { from, isHeld, party }: RunView,
  seen: SeenChunks,
): Promise<readonly UIMessageChunk[]> {
  const reason = run.end?.reason ?? 'lost';
  // A reader that comes back at the very end has seen all of it.
  if (reason === 'finish' || (from > 0 && from === run.next && !isHeld)) return [];
  const last = closingChunk(reason, seen.error, seen.abort);
  const closing = seen.error || seen.closed ? [] : await closingOf(engine, run, party);
  return [...closing, ...(last ? [last] : [])];
}

/** What closes the run's open tool calls; nothing where the log has dropped the run: its message is gone with it. */
async function closingOf(engine: Engine, run: RunRecord, party: string): Promise<UIMessageChunk[]> {
  try {
    return closingChunks(run, (await engine.runs.read(run, party)).chunks);
  } catch (error) {
    if (isGone(error)) return [];
    throw error;
  }
}

/** Waits for the turns behind `turn`, and streams each from its start to its end, for as long as somebody reads. */
export async function* followChat(
  engine: Engine,
  chatId: string,
  from: {
    readonly turn: number;
    readonly run?: RunRecord;
    readonly offset: number;
    readonly withEarlierParts: boolean;
    readonly read?: LogPage | undefined;
    readonly party: string;
  },
  signal: AbortSignal,
  patience: Patience | undefined,
): AsyncGenerator<SseText, void, void> {
  const { log } = engine.options;
  let { turn } = from;
  if (from.run) {
    const { offset, withEarlierParts, read, party } = from;
    const hasEnded = yield* streamRun(
      engine,
      from.run,
      { from: offset, withEarlierParts, asFrames: 'end', read, party },
      signal,
      patience,
    );
    if (!hasEnded) return;
    turn = Math.max(turn, from.run.turn);
  }
  for (;;) {
    const waitMs = Math.min(followWaitMs, patience?.left() ?? followWaitMs);
    const state = await log.state(chatId, { after: turn, waitMs, signal });
    signal.throwIfAborted();
    if (state.turn < turn) {
      // The log has lost what the reader had seen. The newest frame of the log shows that to the reader.
      turn = Math.max(0, state.turn - 1);
      continue;
    }
    const newer = state.runs.filter((run) => run.turn > turn);
    for (const run of newer) {
      turn = run.turn;
      try {
        const view = { from: 0, asFrames: 'start-and-end', party: from.party } as const;
        if (!(yield* streamRun(engine, run, view, signal, patience))) return;
      } catch (error) {
        // A run that the log has dropped is a gap in the turns: the client reads the state.
        if (!ChatTransportError.isInstance(error) || error.code !== 'log-expired') throw error;
      }
    }
    const { deletedTurn = 0 } = state;
    if (deletedTurn > turn) yield sseFrame(deletionFrame(deletedTurn));
    // Runs that the log has dropped are not waited for.
    turn = Math.max(turn, state.turn);
    if (newer.length === 0 && patience && patience.left() <= 0) return;
  }
}

/** How long one waiting read of the chat's state lasts, in milliseconds. */
const followWaitMs = 20_000;
