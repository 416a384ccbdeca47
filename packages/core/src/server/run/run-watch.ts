import { backoffMs, sleep } from '../../clock.ts';
import type { RunRecord, WriterNews } from '../../log/run-log.ts';
import type { ResolvedOptions } from '../options.ts';
import type { Lease } from './lease.ts';
import { settledWithin } from './notifier.ts';

/** How long one waiting call for commands lasts, in milliseconds. */
const commandWaitMs = 20_000;
/** How long a writer whose lease has run out waits for the log to say otherwise, in milliseconds. */
const lapsedCheckMs = 1000;

/**
 * Keeps a run's lease, and learns of cancels and steers while the model is silent. Until `signal` aborts.
 * Failures of the log are waited out for as long as the lease lasts.
 */
export function watchRun(options: {
  readonly options: ResolvedOptions;
  readonly run: RunRecord;
  readonly fence: string;
  /** The cursor behind the commands that the run has taken. */
  readonly cursor: () => number;
  readonly lease: Lease;
  readonly onNews: (news: WriterNews) => void;
  /** The lease has run out, and the log does not answer. */
  readonly onLapsed: () => void;
  readonly signal: AbortSignal;
}): void {
  const { run, fence, cursor, lease, onNews, onLapsed, signal } = options;
  const { log, clock, renewEveryMs, emit } = options.options;

  const repeat = async (operation: string, work: () => Promise<WriterNews>, pauseMs: number): Promise<void> => {
    for (let failures = 0; ; ) {
      try {
        if (pauseMs > 0) await sleep(clock, pauseMs, signal);
        if (signal.aborted) return;
        const news = await work();
        if (signal.aborted) return;
        failures = 0;
        onNews(news);
        if (news.end || news.superseded) return;
      } catch (error) {
        if (signal.aborted) return;
        emit({ type: 'log-failed', chatId: run.chatId, operation, error });
        await sleep(clock, backoffMs(failures++), signal);
      }
    }
  };

  const renew = async (): Promise<WriterNews> => {
    const news = await log.renew(run, fence, cursor());
    if (!news.end && !news.superseded) lease.confirm();
    return news;
  };

  // A process that was frozen wakes up with calls that never return, while its model and tools go on: it must not depend on those calls.
  const guard = async (): Promise<void> => {
    for (;;) {
      await sleep(clock, renewEveryMs, signal);
      if (signal.aborted) return;
      if (!lease.hasLapsed) continue;
      // The clock may have been set: the log decides, if it answers now.
      await settledWithin(clock, lapsedCheckMs, renew().then(onNews));
      if (signal.aborted) return;
      if (lease.hasLapsed) return onLapsed();
    }
  };

  void guard();
  void repeat('renew', renew, renewEveryMs);
  void repeat(
    'waitForCommand',
    () => log.waitForCommand(run, fence, { waitMs: commandWaitMs, cursor: cursor(), signal }),
    0,
  );
}
