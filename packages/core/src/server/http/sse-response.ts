import { UI_MESSAGE_STREAM_HEADERS } from 'ai';
import type { Clock } from '../../clock.ts';
import { privateCacheControl } from '../../wire/routes.ts';
import { sseHeartbeat, sseOpening } from './sse-text.ts';

/** Events as text, or encoded already: bytes may be shared by many responses. */
export type SseText = string | Uint8Array;

/** Makes the events of a stream; stops soon after `signal` aborts. */
export type SseSource = (signal: AbortSignal) => AsyncGenerator<SseText, void, void>;

/**
 * Answers text events as they come, no faster than they are read, with heartbeats in between. A reader that leaves, or a source that fails,
 * closes the response and nothing else.
 */
export function sseResponse(options: {
  readonly source: SseSource;
  readonly request: Request;
  /** End the response. */
  readonly closing: readonly AbortSignal[];
  /**
   * Whether a response that is ended so fails instead of closing. A stock client takes a clean end of a run that goes on elsewhere for the end of the
   * answer, and may send again (`sendAutomaticallyWhen`).
   */
  readonly failsWhenEnded: boolean;
  /** Called once, when the response is over. */
  readonly onClosed: () => void;
  readonly clock: Clock;
  readonly heartbeatMs: number;
  readonly headers: Record<string, string>;
  readonly onError: (error: unknown) => void;
}): Response {
  const { clock, heartbeatMs } = options;
  const reader = new AbortController();
  const leave = () => reader.abort();
  const sources = [options.request.signal, ...options.closing];
  for (const signal of sources) {
    if (signal.aborted) leave();
    else signal.addEventListener('abort', leave);
  }
  const encoder = new TextEncoder();
  const encoded = (text: SseText): Uint8Array => (typeof text === 'string' ? encoder.encode(text) : text);
  const iterator = options.source(reader.signal);
  let pending: Promise<IteratorResult<SseText, void>> | undefined;

  const finish = () => {
    leave();
    for (const signal of sources) signal.removeEventListener('abort', leave);
    iterator.return().catch(() => {});
    options.onClosed();
  };
  const body = new ReadableStream<Uint8Array>(
    {
      start: (controller) => controller.enqueue(encoder.encode(sseOpening)),
      async pull(controller) {
        pending ??= iterator.next();
        try {
          const result = await orNothing(pending, heartbeatMs, clock);
          if (!result) return controller.enqueue(encoder.encode(sseHeartbeat));
          pending = undefined;
          if (!result.done) return controller.enqueue(encoded(result.value));
        } catch (error) {
          // A gap, not an end: the client reads on elsewhere. An error of the stream would say no more to it.
          if (!reader.signal.aborted) options.onError(error);
        }
        const cut = options.failsWhenEnded && options.closing.find(({ aborted }) => aborted);
        if (cut) {
          controller.error(cut.reason);
          return finish();
        }
        controller.close();
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

/** The promise's value, or `undefined` after `ms`. */
function orNothing<T>(promise: Promise<T>, ms: number, clock: Clock): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const timer = clock.setTimeout(() => resolve(undefined), ms);
    const settle = (act: () => void) => {
      clock.clearTimeout(timer);
      act();
    };
    promise.then(
      (value) => settle(() => resolve(value)),
      (error: unknown) => settle(() => reject(error)),
    );
  });
}
