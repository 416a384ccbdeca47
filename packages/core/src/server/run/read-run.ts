import type { RunKey, RunLog, RunRecord } from '../../log/run-log.ts';
import type { LogFrame } from '../../wire/frame.ts';
import { type Engine, keyOf } from '../engine.ts';
import type { LiveRun } from './live-run.ts';
import { RepeatedWait } from './notifier.ts';

/** How long one waiting read of the log lasts, in milliseconds. */
const readWaitMs = 20_000;

/** What one read of the log answered. */
export type LogPage = Awaited<ReturnType<RunLog['read']>>;

/** What a reader of a run gets, in order. After `end` nothing comes. */
export type RunNews =
  | { readonly type: 'frames'; readonly frames: readonly LogFrame[] }
  | { readonly type: 'end'; readonly run: RunRecord };

/**
 * The run's frames from `from` on, to its end. From this process's memory where its writer is here and the reader is close to it,
 * else from the log, beginning with `read`, what the caller has read there already. With `waitMs` (how long there is still to wait), stops when nothing came in that time. Rejects with what the log throws, or the signal's reason.
 */
export async function* readRun(
  engine: Engine,
  key: RunKey,
  from: number,
  options: { readonly signal: AbortSignal; readonly waitMs?: () => number; readonly read?: LogPage | undefined },
): AsyncGenerator<RunNews, void, void> {
  const { log } = engine.options;
  const { signal } = options;
  let position = from;
  let live: LiveRun | undefined;
  let { read } = options;
  let knowsInterrupted = false;
  const waiting = new RepeatedWait(signal);
  try {
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
          await waiting.for(live.changed, options.waitMs && waitMs);
          continue;
        }
      }
      const answer: LogPage = read ?? (await log.read(key, { from: position, waitMs, signal, knowsInterrupted }));
      read = undefined;
      const last = answer.frames.at(-1);
      knowsInterrupted = !last && answer.run.interrupted === true;
      if (last) {
        position = last.next;
        yield { type: 'frames', frames: answer.frames };
        continue;
      }
      engine.continuations.found(answer.run);
      if (answer.run.end && answer.run.next <= position) return yield { type: 'end', run: answer.run };
      if (options.waitMs && options.waitMs() <= 0) return;
    }
  } finally {
    waiting.stop();
  }
}

/** Resolves with the run's record when it is over, wherever it is written. Rejects as `readRun`. */
export async function runEnd(engine: Engine, run: RunRecord, signal: AbortSignal = engine.closing): Promise<RunRecord> {
  for await (const news of readRun(engine, run, run.next, { signal })) {
    if (news.type === 'end') return news.run;
  }
  return run;
}
