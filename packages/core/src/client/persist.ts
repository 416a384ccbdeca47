import { backoffMs, type Clock, sleep } from '../clock.ts';
import { ChatTransportError } from '../errors.ts';
import { onWakeUp } from '../provider/wake-up.ts';
import type { TransportEvent } from './chat-update.ts';
import type { HttpError } from './http-error.ts';
import type { Timings } from './timings.ts';

/** What repeating needs. */
export interface PersistContext {
  readonly clock: Clock;
  readonly timings: Timings;
  emit(event: TransportEvent): void;
  /** Reports a failed request, unless it was aborted because nobody needs it any more. */
  failed(error: unknown): void;
}

/** How long a request is repeated that a server answers with an error (429, 500), in milliseconds. An outage (502 to 504) is waited for longer. */
export const answeredRetryMs = 10_000;
/**
 * The slowest upload that is not taken for a dead connection, in bytes per second. `fetch` does not report how much of a body was accepted, so an
 * attempt lasts longer by the time that its body needs at this rate.
 */
export const slowestUploadBytesPerSecond: number = 32 * 1024;

/** Extends the attempt that a signal belongs to. */
const attempts = new WeakMap<AbortSignal, (bodyLength: number) => void>();

/** Reports that the attempt of `signal` begins to upload a body: its time starts now, and includes the upload. */
export function allowUpload(signal: AbortSignal | null | undefined, bodyLength: number): void {
  if (signal) attempts.get(signal)?.(bodyLength);
}

/**
 * Repeats a request until something has answered it, at most for `giveUpAfterMs`. An attempt whose time was up is followed by a longer one.
 * `repeats` says which failures are no answer; an error that is not a `ChatTransportError` is the app's own and final. A server that answers with an
 * error is asked again for `answeredRetryMs` only. An attempt that succeeded stays tied to `signal` until `request` aborts it.
 * @throws what the server answered, `network` when nothing did, what the app's own functions threw, or the signal's reason.
 */
export async function persist<T>(
  { clock, timings: { giveUpAfterMs, sendMs }, failed }: PersistContext,
  signal: AbortSignal,
  request: (attempt: AbortController) => Promise<T>,
  repeats: (error: unknown) => boolean = isUnanswered,
): Promise<T> {
  let at = clock.now();
  let leftMs = giveUpAfterMs;
  let answeredLeftMs = answeredRetryMs;
  let limitMs = sendMs;
  for (let failures = 0; ; failures++) {
    const attempt = within(signal);
    let timer: unknown;
    // A half-open connection never fails by itself. Not an `AbortError`: the AI SDK would take that for a stop.
    const limit = (bodyLength: number): void => {
      clock.clearTimeout(timer);
      const uploadMs = (bodyLength / slowestUploadBytesPerSecond) * 1000;
      timer = clock.setTimeout(() => attempt.abort(noAnswer()), limitMs + uploadMs);
    };
    limit(0);
    attempts.set(attempt.signal, limit);
    try {
      return await request(attempt);
    } catch (error) {
      const timeIsUp = attempt.signal.aborted;
      if (timeIsUp) limitMs += sendMs;
      attempt.abort();
      signal.throwIfAborted();
      failed(error);
      // Time during which the page was suspended does not count, and neither does a clock that was set back.
      const tookMs = Math.min(Math.max(clock.now() - at, 0), giveUpAfterMs / 2);
      at = clock.now();
      leftMs -= tookMs;
      const { retryAfterMs } = error as Partial<HttpError>;
      const waitMs = Math.max(backoffMs(failures), retryAfterMs ?? 0);
      if (isOwnAnswer(error)) answeredLeftMs -= tookMs + waitMs;
      const mayRepeat = timeIsUp || (ChatTransportError.isInstance(error) && repeats(error));
      if (!mayRepeat || leftMs <= 0 || answeredLeftMs <= 0) throw error;
      await pause(clock, waitMs, signal, retryAfterMs === undefined);
    } finally {
      clock.clearTimeout(timer);
    }
  }
}

/** Waits before the next attempt. A page whose network is back, or that is shown again, tries at once, unless the server has named a time. */
async function pause(clock: Clock, waitMs: number, signal: AbortSignal, endsOnWakeUp: boolean): Promise<void> {
  const pausing = within(signal);
  const stopListening = onWakeUp(() => endsOnWakeUp && pausing.abort());
  await sleep(clock, waitMs, pausing.signal);
  stopListening();
  pausing.abort();
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

/** Whether the server may not have seen the request: nothing answered, or something in front of it did, or it refuses everybody now. */
function isUnanswered(error: unknown): boolean {
  if (!ChatTransportError.isInstance(error)) return false;
  const { status } = error as Partial<HttpError>;
  return status === undefined ? error.code === 'network' : status === 429 || isOutage(status);
}

/** Whether the same request may succeed later: for what may be repeated without harm even after an answer. An app's own error is final. */
export function isTransient(error: unknown): boolean {
  return ChatTransportError.isInstance(error) ? error.retryable : (error as Error | undefined)?.name === 'AbortError';
}

/** Whether a server answered, and not a gateway that could not reach it. */
function isOwnAnswer(error: unknown): boolean {
  const { status } = error as Partial<HttpError>;
  return status !== undefined && !isOutage(status);
}

function isOutage(status: number): boolean {
  return status >= 502 && status <= 504;
}

/** The error of a request that nothing answered. */
export function noAnswer(cause?: unknown): ChatTransportError {
  return new ChatTransportError({
    code: 'network',
    message: 'The chat server did not answer. Check the connection.',
    cause,
  });
}

/** What the app's own functions threw, as an error of this project. */
export function asOwnError(cause: unknown): ChatTransportError {
  if (ChatTransportError.isInstance(cause)) return cause;
  const message = `The request could not be made: ${cause instanceof Error ? cause.message : String(cause)}`;
  return new ChatTransportError({ code: 'provider-failed', message, retryable: false, cause });
}

/** The AI SDK resumes after a `TypeError` with "network" in its message. */
export function asDisconnect(error: unknown): unknown {
  const { code, message } = error as ChatTransportError;
  return code === 'network' ? new TypeError(`network error: ${message}`, { cause: error }) : error;
}
