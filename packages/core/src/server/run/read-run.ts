import type { UIMessage, UIMessageChunk } from 'ai';
import { ChatTransportError } from '../../errors.ts';
import type { RunKey, RunLog, RunRecord } from '../../log/run-log.ts';
import { foldMessage } from '../../wire/fold.ts';
import type { LogFrame } from '../../wire/frame.ts';
import { continuedBy } from '../conversation/history.ts';
import { type Engine, keyOf } from '../engine.ts';
import type { LiveRun } from './live-run.ts';

/** How long one waiting read of the log lasts, in milliseconds. */
const readWaitMs = 20_000;

/** All chunks of a run that are in the log now, from the first. @throws ChatTransportError as `RunLog.read`. */
export async function readWhole(
  log: RunLog,
  key: RunKey,
): Promise<{ readonly chunks: readonly UIMessageChunk[]; readonly next: number; readonly run: RunRecord }> {
  const frames: LogFrame[] = [];
  for (;;) {
    const from = frames.at(-1)?.next ?? 0;
    const answer = await log.read(key, { from });
    frames.push(...answer.frames);
    const next = frames.at(-1)?.next ?? 0;
    // A log may answer a part; a running writer may have appended meanwhile. Both end where the last record ends.
    if (next >= answer.run.next || answer.frames.length === 0) {
      return { chunks: frames.flatMap((frame) => [...frame.chunks]), next, run: answer.run };
    }
  }
}

/** What a run has written so far. */
export interface FoldedRun {
  /** Absent when it has written nothing. */
  readonly message?: UIMessage;
  /** How many offsets are in `message`. */
  readonly next: number;
  readonly run: RunRecord;
}

/** Folds a run from the log; `undefined` when the log has dropped it. */
export async function foldRun(log: RunLog, run: RunRecord): Promise<FoldedRun | undefined> {
  try {
    const whole = await readWhole(log, run);
    if (whole.next === 0) return { next: 0, run: whole.run };
    const message = continuedBy(run.start);
    const { messageId } = run.start;
    const folded = await foldMessage({ ...(message && { message }), messageId, chunks: whole.chunks });
    return { message: folded, next: whole.next, run: whole.run };
  } catch (error) {
    if (ChatTransportError.isInstance(error) && (error.code === 'log-expired' || error.code === 'not-found')) return;
    throw error;
  }
}

/** What a reader of a run gets, in order. After `end` nothing comes. */
export type RunNews =
  | { readonly type: 'frames'; readonly frames: readonly LogFrame[] }
  | { readonly type: 'end'; readonly run: RunRecord };

/**
 * The run's frames from `from` on, to its end. From this process's memory where its writer is here and the reader is close to it,
 * else from the log. With `waitMs` (how long there is still to wait), stops when nothing came in that time. Rejects with what the log throws, or the signal's reason.
 */
export async function* readRun(
  engine: Engine,
  key: RunKey,
  from: number,
  options: { readonly signal: AbortSignal; readonly waitMs?: () => number },
): AsyncGenerator<RunNews, void, void> {
  const { log } = engine.options;
  const { signal } = options;
  let position = from;
  let live: LiveRun | undefined;
  for (;;) {
    signal.throwIfAborted();
    const waitMs = Math.min(readWaitMs, options.waitMs?.() ?? readWaitMs);
    // The run leaves the map when it ends; this reader keeps what it has of it.
    live = engine.live.get(keyOf(key)) ?? live;
    const kept = live?.framesFrom(position);
    if (live && kept) {
      if (kept.length > 0) {
        position = live.next;
        yield { type: 'frames', frames: kept };
        continue;
      }
      if (live.ended && live.ended.next <= position) return yield { type: 'end', run: live.ended };
      if (!live.closed) {
        if (waitMs <= 0) return;
        await live.changed.wait({ ms: waitMs, signal });
        continue;
      }
    }
    const answer = await log.read(key, { from: position, waitMs, signal });
    const last = answer.frames.at(-1);
    if (last) {
      position = last.next;
      yield { type: 'frames', frames: answer.frames };
      continue;
    }
    if (answer.run.end && answer.run.next <= position) return yield { type: 'end', run: answer.run };
    if (options.waitMs && options.waitMs() <= 0) return;
  }
}

/** Resolves with the run's record when it is over, wherever it is written. Rejects as `readRun`. */
export async function runEnd(engine: Engine, run: RunRecord): Promise<RunRecord> {
  for await (const news of readRun(engine, run, run.next, { signal: engine.closing })) {
    if (news.type === 'end') return news.run;
  }
  return run;
}
