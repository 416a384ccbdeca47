import type { RunRecord } from '../../log/run-log.ts';
import type { AllowedAccess, HandlerContext } from './handler-context.ts';
import type { CountedAs } from './live-access.ts';
import { type Patience, patiently } from './patience.ts';
import { type SseText, sseResponse } from './sse-response.ts';
import { type RunView, streamRun } from './stream-run.ts';

/** The reader of a stream: `authorize` is asked about the action `read` again while the stream is open. */
export interface StreamAccess extends AllowedAccess {
  readonly request: Request;
  readonly chatId: string;
  readonly countedAs: CountedAs;
}

/** Answers a run as SSE, from a position to its end. */
export function runResponse(
  context: HandlerContext,
  access: StreamAccess,
  run: RunRecord,
  view: RunView,
  patience?: Patience,
): Response {
  return eventResponse(
    context,
    access,
    run.turn,
    run,
    patience,
    (signal) => streamRun(context.engine, run, view, signal, patience),
    // A long-poll closes with what there is.
    patience === undefined,
  );
}

/** Answers events as SSE. `run`: the run that they begin with. */
export function eventResponse(
  context: HandlerContext,
  access: StreamAccess,
  turn: number,
  run: RunRecord | undefined,
  patience: Patience | undefined,
  source: (signal: AbortSignal) => AsyncGenerator<SseText, unknown, void>,
  mustBeWhole = false,
): Response {
  const { options, closing } = context.engine;
  const { request, ...reader } = access;
  const ended = new AbortController();
  const { ready, forget } = context.engine.access.watch({
    ...reader,
    ask: () => context.allow(request, reader.chatId, 'read'),
    onEnded: () => ended.abort(),
  });
  const events = (signal: AbortSignal) => (ready ? behind(ready, source, signal) : source(signal));
  return sseResponse({
    source: (signal) => (patience ? patiently(events(signal), patience) : events(signal)),
    request,
    closing: [closing, ended.signal],
    mustBeWhole,
    onClosed: forget,
    clock: options.clock,
    heartbeatMs: context.heartbeatMs,
    headers: runHeaders(turn, run),
    onError: (error) => options.emit({ type: 'request-failed', error }),
  });
}

/** The events of a stream that waits for `ready`, and ends there where it is not allowed any more. */
async function* behind(
  ready: Promise<void>,
  source: (signal: AbortSignal) => AsyncGenerator<SseText, unknown, void>,
  signal: AbortSignal,
): AsyncGenerator<SseText, unknown, void> {
  await ready;
  return signal.aborted ? undefined : yield* source(signal);
}

/** The headers that name an answer's run and turn. */
export function runHeaders(turn: number, run?: RunRecord): Record<string, string> {
  return { 'x-chat-turn': String(turn), ...(run && { 'x-chat-run-id': run.runId }) };
}
