import { ChatTransportError } from '../errors.ts';
import type { TransportEvent } from './chat-update.ts';
import { backoffMs, type Clock, sleep } from './clock.ts';
import { HttpError } from './http-error.ts';
import type { Timings } from './timings.ts';

/** What repeating needs. */
export interface PersistContext {
  readonly clock: Clock;
  readonly timings: Timings;
  emit(event: TransportEvent): void;
  /** Tells of a failed request, unless it was aborted because it is not needed any more. */
  failed(error: unknown): void;
}

/**
 * Repeats a request until something has answered it, each attempt with more time than the one before, at most for `giveUpAfterMs`.
 * An attempt that succeeded stays tied to `signal` until `request` aborts it.
 * @throws what the server answered, `network` when nothing did, or the signal's reason.
 */
export async function persist<T>(
  { clock, timings, failed }: PersistContext,
  signal: AbortSignal,
  request: (attempt: AbortController) => Promise<T>,
): Promise<T> {
  const until = clock.now() + timings.giveUpAfterMs;
  for (let failures = 0; ; failures++) {
    const attempt = within(signal);
    // A half-open connection never fails by itself. Not an `AbortError`: the AI SDK would take that for a stop.
    const timer = clock.setTimeout(() => attempt.abort(silence()), timings.sendMs * (failures + 1));
    try {
      return await request(attempt);
    } catch (error) {
      attempt.abort();
      signal.throwIfAborted();
      failed(error);
      if (!isUnanswered(error) || clock.now() >= until) throw error;
      await sleep(clock, backoffMs(failures), signal);
    } finally {
      clock.clearTimeout(timer);
    }
  }
}

/** A request that ends with `signal`, unless it was aborted before. Throws the signal's reason when that is over already. */
export function within(signal: AbortSignal): AbortController {
  signal.throwIfAborted();
  const request = new AbortController();
  signal.addEventListener('abort', () => request.abort(signal.reason), { signal: request.signal });
  return request;
}

/** Whether the server may not have seen the request: nothing answered, or something in front of it did. */
export function isUnanswered(error: unknown): boolean {
  return error instanceof HttpError
    ? error.status > 501
    : !ChatTransportError.isInstance(error) || error.code === 'network';
}

/** The error of a connection that says nothing. */
export function silence(): ChatTransportError {
  return new ChatTransportError({ code: 'network', message: 'No answer in time.' });
}
