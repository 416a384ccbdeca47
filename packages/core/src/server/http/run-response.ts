import type { RunRecord } from '../../log/run-log.ts';
import type { ChatAction } from './authorize.ts';
import type { HandlerContext } from './handler-context.ts';
import { type Patience, patiently } from './patience.ts';
import { type SseText, sseResponse } from './sse-response.ts';
import { type RunView, streamRun } from './stream-run.ts';

/** The reader of a stream and its purpose: `authorize` is asked again about them while the stream is open. */
export interface StreamAccess {
  readonly request: Request;
  readonly chatId: string;
  readonly action: ChatAction;
  readonly userId?: string;
  /** When `authorize` was called, in milliseconds since 1970. */
  readonly askedAtMs: number;
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
    context.engine.options.onInterrupted === 'continue',
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
  failsWhenEnded = false,
): Response {
  const { options, closing } = context.engine;
  const { request, action, ...reader } = access;
  const ended = new AbortController();
  const forget = context.engine.access.watch({
    ...reader,
    isCounted: action === 'read',
    ask: () => context.allow(request, reader.chatId, action),
    onEnded: () => ended.abort(),
  });
  request.signal.addEventListener('abort', forget, { once: true });
  return sseResponse({
    source: (signal) => (patience ? patiently(source(signal), patience) : source(signal)),
    request,
    closing: [closing, ended.signal],
    failsWhenEnded,
    onClosed: forget,
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
