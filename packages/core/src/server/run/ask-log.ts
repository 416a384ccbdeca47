import { backoffMs, type Clock, sleep } from '../../clock.ts';
import { ChatTransportError } from '../../errors.ts';
import type { ResolvedOptions } from '../options.ts';

/**
 * Makes the same call of the log until it answers: where only an answer was lost, the log knows the call again.
 * @returns `undefined` when it refused, did not answer for `forMs` (a lease, unless given), or `signal` aborted.
 */
export async function askLog<T>(
  { clock, leaseMs, emit }: ResolvedOptions,
  { chatId, operation, signal, forMs = leaseMs, timeoutMs }: AskLogOptions,
  call: () => Promise<T>,
): Promise<{ readonly answer: T } | undefined> {
  const startedAt = clock.now();
  for (let failures = 0; ; failures += 1) {
    try {
      return { answer: await (timeoutMs === undefined ? call() : answered(call(), signal, timeoutMs, clock)) };
    } catch (error) {
      emit({ type: 'log-failed', chatId, operation, error });
      const retryable = ChatTransportError.isInstance(error) && error.retryable;
      if (!retryable || signal.aborted || clock.now() - startedAt >= forMs) return;
      await sleep(clock, backoffMs(failures), signal);
      if (signal.aborted) return;
    }
  }
}

/** The call's answer, unless it takes too long or `signal` aborts. */
function answered<T>(call: Promise<T>, signal: AbortSignal, ms: number, clock: Clock): Promise<T> {
  return new Promise((resolve, reject) => {
    const fail = (): void => {
      const message = `The log did not answer within ${ms} ms.`;
      settle(() => reject(new ChatTransportError({ code: 'provider-failed', message })));
    };
    const settle = (act: () => void): void => {
      clock.clearTimeout(timer);
      signal.removeEventListener('abort', fail);
      act();
    };
    const timer = clock.setTimeout(fail, ms);
    signal.addEventListener('abort', fail);
    call.then(
      (answer) => settle(() => resolve(answer)),
      (error: unknown) => settle(() => reject(error)),
    );
  });
}

export interface AskLogOptions {
  readonly chatId: string;
  /** The log's method, for `onEvent`. */
  readonly operation: string;
  readonly signal: AbortSignal;
  readonly forMs?: number;
  /** How long one call may take. Without it, and without the end of `signal`, a call whose connection was cut silently is waited for without end. */
  readonly timeoutMs?: number;
}
