import type { RunRecord } from '../../log/run-log.ts';
import type { HandlerContext } from './handler-context.ts';
import { type Patience, patiently } from './patience.ts';
import { type SseText, sseResponse } from './sse-response.ts';
import { type RunView, streamRun } from './stream-run.ts';

/** Answers a run as SSE, from a position to its end. */
export function runResponse(
  context: HandlerContext,
  request: Request,
  run: RunRecord,
  view: RunView,
  patience?: Patience,
): Response {
  return eventResponse(context, request, run.turn, run, patience, (signal) =>
    streamRun(context.engine, run, view, signal, patience),
  );
}

/** Answers events as SSE. `run`: the run that they begin with. */
export function eventResponse(
  context: HandlerContext,
  request: Request,
  turn: number,
  run: RunRecord | undefined,
  patience: Patience | undefined,
  source: (signal: AbortSignal) => AsyncGenerator<SseText, unknown, void>,
): Response {
  const { options, closing } = context.engine;
  return sseResponse({
    source: (signal) => patiently(source(signal), patience),
    request,
    closing,
    clock: options.clock,
    heartbeatMs: context.heartbeatMs,
    headers: runHeaders(turn, run),
    onError: (error) => options.emit({ type: 'request-failed', error }),
  });
}

/** The headers that name an answer's run and turn. */
export function runHeaders(turn: number, run?: RunRecord): Record<string, string> {
  return { 'x-chat-turn': String(turn), ...(run && { 'x-chat-run-id': run.runId }) };
}
