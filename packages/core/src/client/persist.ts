import { backoffMs, type Clock, sleep } from '../clock.ts';
import { ChatTransportError } from '../errors.ts';
import type { TransportEvent } from './chat-update.ts';
import type { HttpError } from './http-error.ts';
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
 * Repeats a request until something has answered it, at most for `giveUpAfterMs`. An attempt whose time was up is followed by a longer one.
 * `repeats` says which failures are no answer. An attempt that succeeded stays tied to `signal` until `request` aborts it.
 * @throws what the server answered, `network` when nothing did, or the signal's reason.
 */
export async function persist<T>(
  { clock, timings: { giveUpAfterMs, sendMs }, failed }: PersistContext,
  signal: AbortSignal,
  request: (attempt: AbortController) => Promise<T>,
  repeats: (error: unknown) => boolean = isUnanswered,
): Promise<T> {
  let at = clock.now();
  let leftMs = giveUpAfterMs;
  let limitMs = sendMs;
  for (let failures = 0; ; failures++) {
    const attempt = within(signal);
    // A half-open connection never fails by itself. Not an `AbortError`: the AI SDK would take that for a stop.
    const timer = clock.setTimeout(() => attempt.abort(noAnswer()), limitMs);
    try {
      return await request(attempt);
    } catch (error) {
      if (attempt.signal.aborted) limitMs += sendMs;
      attempt.abort();
      signal.throwIfAborted();
      failed(error);
      // A page that slept meanwhile has waited for nothing.
      leftMs -= Math.min(clock.now() - at, giveUpAfterMs / 2);
      at = clock.now();
      if (!repeats(error) || leftMs <= 0) throw error;
      await sleep(clock, backoffMs(failures), signal);
    } finally {
      clock.clearTimeout(timer);
    }
  }
}

/** Resolves when `signal` aborts; never without one. */
export function abortOf(signal: AbortSignal | undefined): Promise<unknown> {
  return new Promise((resolve) => signal?.addEventListener('abort', resolve));
}

/** A request that ends with `signal`, unless it was aborted before. Throws the signal's reason when that is over already. */
export function within(signal: AbortSignal): AbortController {
  signal.throwIfAborted();
  const request = new AbortController();
  signal.addEventListener('abort', () => request.abort(signal.reason), { signal: request.signal });
  return request;
}

/** Whether the server may not have seen the request: nothing answered, or something in front of it did. */
function isUnanswered(error: unknown): boolean {
  const { status = 502, code } = error as Partial<HttpError>;
  return status > 501 && code !== 'protocol';
}

/** Whether the same request may succeed later: for what may be repeated without harm even after an answer. */
export function isTransient(error: unknown): boolean {
  return (error as Partial<ChatTransportError>).retryable ?? true;
}

/** The error of a request that nothing answered. */
export function noAnswer(cause?: unknown): ChatTransportError {
  return new ChatTransportError({ code: 'network', message: 'No answer.', cause });
}

/** The AI SDK resumes after a `TypeError` with "network" in its message. */
export function asDisconnect(error: unknown): unknown {
  const { code, message } = error as ChatTransportError;
  return code === 'network' ? new TypeError(`network error: ${message}`, { cause: error }) : error;
}
