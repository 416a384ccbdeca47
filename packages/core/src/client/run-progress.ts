/** How a run that is read gets on. Times are page time. */
export interface RunProgress {
  /** When the run got on, or the log was read. */
  readonly newsAt: number;
  /** How often the log was read since then without a result. */
  readonly reads: number;
  /** Since when the run has had no path, or has waited for missing offsets. */
  readonly stuckSince: number | undefined;
}

export type ProgressEvent =
  /** Something of the run has come; `read`: the log was read for it. */
  | { readonly type: 'news' | 'read'; readonly at: number }
  /** Whether the run waits without a path now. */
  | { readonly type: 'looked'; readonly at: number; readonly isStuck: boolean };

/** A run whose stream was opened at this time. */
export const startedAt = (at: number): RunProgress => ({ newsAt: at, reads: 0, stuckSince: undefined });

/** The one transition function of a run's progress. */
export function nextProgress(progress: RunProgress, event: ProgressEvent): RunProgress {
  switch (event.type) {
    case 'news':
      return startedAt(event.at);
    case 'read':
      return { ...progress, newsAt: event.at, reads: progress.reads + 1 };
    case 'looked':
      return { ...progress, stuckSince: event.isStuck ? (progress.stuckSince ?? event.at) : undefined };
  }
}
