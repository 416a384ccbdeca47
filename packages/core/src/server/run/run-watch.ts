import { backoffMs, sleep } from '../../clock.ts';
import type { RunRecord, WriterNews } from '../../log/run-log.ts';
import type { ResolvedOptions } from '../options.ts';

/** How long one waiting call for commands lasts, in milliseconds. */
const commandWaitMs = 20_000;

/**
 * Keeps a run's lease, and learns of cancels and steers while the model is silent. Until `signal` aborts.
 * Failures of the log are waited out: the lease decides.
 */
export function watchRun(options: {
  readonly options: ResolvedOptions;
  readonly run: RunRecord;
  readonly fence: string;
  readonly known: () => readonly string[];
  readonly onNews: (news: WriterNews) => void;
  readonly signal: AbortSignal;
}): void {
  const { run, fence, known, onNews, signal } = options;
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
        if (news.end) return;
      } catch (error) {
        if (signal.aborted) return;
        emit({ type: 'log-failed', chatId: run.chatId, operation, error });
        await sleep(clock, backoffMs(failures++), signal);
      }
    }
  };

  void repeat('renew', () => log.renew(run, fence), renewEveryMs);
  void repeat(
    'waitForCommand',
    () => log.waitForCommand(run, fence, { waitMs: commandWaitMs, known: known(), signal }),
    0,
  );
}
