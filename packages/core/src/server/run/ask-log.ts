import { backoffMs, sleep } from '../../clock.ts';
import { ChatTransportError } from '../../errors.ts';
import type { ResolvedOptions } from '../options.ts';

/**
 * Makes the same call of the log until it answers: where only an answer was lost, the log knows the call again.
 * @returns `undefined` when it refused, did not answer for `forMs` (a lease, unless given), or `signal` aborted.
 */
export async function askLog<T>(
  { clock, leaseMs, emit }: ResolvedOptions,
  { chatId, operation, signal, forMs = leaseMs }: AskLogOptions,
  call: () => Promise<T>,
): Promise<{ readonly answer: T } | undefined> {
  const startedAt = clock.now();
  for (let failures = 0; ; failures += 1) {
    try {
      return { answer: await call() };
    } catch (error) {
      emit({ type: 'log-failed', chatId, operation, error });
      const retryable = ChatTransportError.isInstance(error) && error.retryable;
      if (!retryable || signal.aborted || clock.now() - startedAt >= forMs) return;
      await sleep(clock, backoffMs(failures), signal);
      if (signal.aborted) return;
    }
  }
}

export interface AskLogOptions {
  readonly chatId: string;
  /** The log's method, for `onEvent`. */
  readonly operation: string;
  readonly signal: AbortSignal;
  readonly forMs?: number;
}
