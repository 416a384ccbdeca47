import type { UIMessageChunk } from 'ai';
import { ChatTransportError } from '../../errors.ts';
import type { RunRecord } from '../../log/run-log.ts';
import { compact, replayMessage } from '../../wire/compact.ts';
import { noteLost } from '../conversation/head.ts';
import { continuedBy } from '../conversation/history.ts';
import { type Engine, keyOf } from '../engine.ts';
import { readRun, readWhole } from '../run/read-run.ts';
import type { Patience } from './patience.ts';
import { closingChunk, endFrameOf, sseEnd, sseFrame, sseGroup, startFrameOf } from './sse-text.ts';

/** How one run is streamed. */
export interface RunView {
  /** The reader's position. At 0 it gets what is in the log compacted. */
  readonly from: number;
  /** Begins with the message that the run continues, for a reader that empties it: `useChat` on resume. */
  readonly withEarlierParts?: boolean;
  /** Tells start and end as frames, for clients that follow a chat. */
  readonly asFrames?: 'end' | 'start-and-end';
}

/** The run's events from a position to its end. Returns whether it came to the end; it does not where `patience` ran out. */
export async function* streamRun(
  engine: Engine,
  run: RunRecord,
  view: RunView,
  signal: AbortSignal,
  patience: Patience | undefined,
): AsyncGenerator<string, boolean, void> {
  const seen = { error: false, abort: false };
  let position = view.from;
  let opening = view.asFrames === 'start-and-end' ? sseFrame(startFrameOf(run)) : '';
  if (position === 0) {
    const live = engine.live.get(keyOf(run));
    const kept = live?.whole.read();
    const { chunks, next } =
      live && kept ? { chunks: kept, next: live.next } : await readWhole(engine.options.log, run);
    if (view.withEarlierParts) opening += sseGroup(earlierParts(run, chunks));
    if (next > 0) {
      note(seen, chunks);
      const snapshot = compact(chunks);
      opening += sseGroup(snapshot.length > 0 ? snapshot : chunks, { run: run.runId, next });
    }
    position = next;
  }
  if (opening) yield opening;

  for await (const news of readRun(engine, run, position, { signal, ...(patience && { waitMs: patience.left }) })) {
    if (news.type === 'frames') {
      for (const { chunks } of news.frames) note(seen, chunks);
      yield news.frames.map(({ chunks, next }) => sseGroup(chunks, { run: run.runId, next })).join('');
      continue;
    }
    noteLost(engine, news.run);
    yield view.asFrames ? sseFrame(endFrameOf(news.run)) : ending(news.run, view, seen);
    return true;
  }
  return false;
}

function ending(run: RunRecord, { from }: RunView, seen: Seen): string {
  const reason = run.end?.reason ?? 'lost';
  // A reader that comes back at the very end has seen all of it.
  const isBack = from > 0 && from === run.next;
  return sseEnd(run, reason, isBack ? undefined : closingChunk(reason, seen.error, seen.abort));
}

interface Seen {
  error: boolean;
  abort: boolean;
}

function note(seen: Seen, chunks: readonly UIMessageChunk[]): void {
  for (const { type } of chunks) {
    if (type === 'error') seen.error = true;
    if (type === 'abort') seen.abort = true;
  }
}

function earlierParts(run: RunRecord, chunks: readonly UIMessageChunk[]): UIMessageChunk[] {
  const message = continuedBy(run.start);
  if (!message) return [];
  const { id: messageId, metadata: messageMetadata } = message;
  const start = { type: 'start' as const, messageId, ...(messageMetadata !== undefined && { messageMetadata }) };
  return [start, ...replayMessage(message, chunks)];
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
  },
  signal: AbortSignal,
  patience: Patience | undefined,
): AsyncGenerator<string, void, void> {
  const { log } = engine.options;
  let { turn } = from;
  if (from.run) {
    const { offset, withEarlierParts } = from;
    const hasEnded = yield* streamRun(
      engine,
      from.run,
      { from: offset, withEarlierParts, asFrames: 'end' },
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
    const newer = state.runs.filter((run) => run.turn > turn);
    for (const run of newer) {
      turn = run.turn;
      try {
        const view = { from: 0, asFrames: 'start-and-end' } as const;
        if (!(yield* streamRun(engine, run, view, signal, patience))) return;
      } catch (error) {
        // A run that the log has dropped is a gap in the turns: the client reads the state.
        if (!ChatTransportError.isInstance(error) || error.code !== 'log-expired') throw error;
      }
    }
    if (newer.length === 0 && patience && patience.left() <= 0) return;
  }
}

/** How long one waiting read of the chat's state lasts, in milliseconds. */
const followWaitMs = 20_000;
