import { UI_MESSAGE_STREAM_HEADERS } from 'ai';
import type { Clock } from '../../clock.ts';
import { ChatTransportError } from '../../errors.ts';
import { privateCacheControl } from '../../wire/routes.ts';
import { overReason } from '../run/over-reason.ts';
import { sseHeartbeat, sseOpening } from './sse-text.ts';

/** Events as text, or encoded already: bytes may be shared by many responses. */
export type SseText = string | Uint8Array;

/** Makes the events of a stream; stops soon after `signal` aborts. Returns `true` where it came to its own end. */
export type SseSource = (signal: AbortSignal) => AsyncGenerator<SseText, unknown, void>;

/**
 * Answers text events as they come, no faster than they are read, with heartbeats in between. A reader that leaves, or a source that fails,
 * ends the response and nothing else.
 */
export function sseResponse(options: {
  readonly source: SseSource;
  readonly request: Request;
  /** End the response. */
  readonly closing: readonly AbortSignal[];
  /**
   * Whether the response breaks off, instead of closing, where its source did not come to its own end. A stock client takes a clean close for the end
   * of the answer: it would show half an answer as whole, and may send again (`sendAutomaticallyWhen`).
   */
  readonly mustBeWhole: boolean;
  /** Called once, when the response is over. */
  readonly onClosed: () => void;
  readonly clock: Clock;
  readonly heartbeatMs: number;
  readonly headers: Record<string, string>;
  readonly onError: (error: unknown) => void;
}): Response {
  const { clock, heartbeatMs } = options;
  const reader = new AbortController();
  const leave = () => reader.abort(overReason);
  const leaving = options.request.signal;
  const sources = [leaving, ...options.closing];
  for (const signal of sources) {
    if (signal.aborted) leave();
    else signal.addEventListener('abort', leave);
  }
  const encoder = new TextEncoder();
  const encoded = (text: SseText): Uint8Array => (typeof text === 'string' ? encoder.encode(text) : text);
  const iterator = options.source(reader.signal);
  let pending: Promise<IteratorResult<SseText, unknown>> | undefined;
  const heart = new Heartbeat(clock, heartbeatMs);

  let isFinished = false;
  const finish = () => {
    if (isFinished) return;
    isFinished = true;
    leave();
    leaving.removeEventListener('abort', finish);
    heart.stop();
    for (const signal of sources) signal.removeEventListener('abort', leave);
    iterator.return(undefined).catch(() => {});
    options.onClosed();
  };
  // The body of a reader that has left may never be read or cancelled.
  if (leaving.aborted) finish();
  else leaving.addEventListener('abort', finish);
  const body = new ReadableStream<Uint8Array>(
    {
      start: (controller) => controller.enqueue(encoder.encode(sseOpening)),
      async pull(controller) {
        pending ??= iterator.next();
        let failure: unknown;
        try {
          const result = await heart.orBeat(pending);
          if (!result) return controller.enqueue(encoder.encode(sseHeartbeat));
          pending = undefined;
          if (!result.done) return controller.enqueue(encoded(result.value));
          if (result.value !== true) failure = brokenOff();
        } catch (error) {
          failure = brokenOff();
          if (!reader.signal.aborted) options.onError(error);
        }
        if (failure !== undefined && options.mustBeWhole && !leaving.aborted) controller.error(failure);
        else controller.close();
        finish();
      },
      cancel: finish,
    },
    // Nothing is made before it is asked for, so a slow reader costs no memory.
    { highWaterMark: 0 },
  );
  return new Response(body, {
    headers: { ...UI_MESSAGE_STREAM_HEADERS, 'cache-control': privateCacheControl, ...options.headers },
  });
}

function brokenOff(): ChatTransportError {
  const message = 'The stream broke off before the answer was complete.';
  return new ChatTransportError({ code: 'network', message });
}

/** Tells when a response was silent for too long. One timer, however many chunks come in between. */
class Heartbeat {
  readonly #clock: Clock;
  readonly #everyMs: number;
  #timer: unknown;
  #waitsSince = 0;
  #beat = (): void => {};

  constructor(clock: Clock, everyMs: number) {
    this.#clock = clock;
    this.#everyMs = everyMs;
  }

  /** The promise's value, or `undefined` once it was waited for so long. */
  orBeat<T>(promise: Promise<T>): Promise<T | undefined> {
    this.#waitsSince = this.#clock.now();
    if (this.#timer === undefined) this.#arm(this.#everyMs);
    return new Promise((resolve, reject) => {
      this.#beat = () => resolve(undefined);
      promise.then(resolve, reject);
    });
  }

  stop(): void {
    this.#clock.clearTimeout(this.#timer);
  }

  #arm(ms: number): void {
    this.#timer = this.#clock.setTimeout(() => {
      this.#timer = undefined;
      const left = this.#everyMs - (this.#clock.now() - this.#waitsSince);
      if (left > 0) this.#arm(left);
      // Without effect where nobody waits at present: the next one who does sets the timer again.
      else this.#beat();
    }, ms);
  }
}
