import type { RunRecord } from '../../log/run-log.ts';
import { readHead, viewOf } from '../conversation/head.ts';
import { startError } from '../run/begin-run.ts';
import { partyOf } from '../run/fair-turns.ts';
import type { HandlerContext } from './handler-context.ts';
import { errorJson, json } from './http-errors.ts';
import { grantHoldsMs } from './live-access.ts';
import { readNamedBody } from './named-body.ts';
import { maxWaitMs } from './route-stream.ts';
import { runHeaders, runResponse } from './run-response.ts';
import { parseSendBody } from './send-body.ts';
import { validateMessages } from './validate-messages.ts';

/** `POST {api}`: starts a run, or joins the one that the same request started. */
export async function sendRoute(context: HandlerContext, request: Request): Promise<Response> {
  const { engine } = context;
  const { fields, allowed } = await readNamedBody(
    request,
    context,
    (chatId) => context.allow(request, chatId, 'send'),
    (chatId, { userId }) => engine.turns.take(partyOf(chatId, userId)),
  );
  const { userId, grantedAtMs } = allowed;
  const { start, messages, message, queueWaitMs } = parseSendBody(fields);
  const party = partyOf(start.chatId, userId);
  // Sends that arrive together begin one in each turn of the event loop.
  await engine.turns.take(party);
  const valid = (sent: unknown) => validateMessages(engine.options, sent, () => engine.turns.take(party));
  const [only] = message === undefined ? [] : await valid([message]);
  const send = {
    ...start,
    request,
    ...(messages !== undefined && { messages: await valid(messages) }),
    ...(only && { message: only }),
    ...(userId !== undefined && { userId }),
  };
  // A slow upload may have begun before access was taken back.
  if (engine.options.clock.now() - grantedAtMs > grantHoldsMs) await context.allow(request, start.chatId, 'send');
  // Of sends that may wait long, a user has as many open as of streams.
  const waitMs = queueWaitMs === undefined ? undefined : Math.min(queueWaitMs, maxWaitMs);
  const leave = engine.options.onBusy === 'queue' ? engine.access.enter(userId) : undefined;
  const outcome = await context.begin(send, waitMs).finally(leave);
  if (outcome.type === 'queued') {
    const { runId } = outcome;
    return json(202, { runId, queued: true }, { 'x-chat-run-id': runId });
  }
  const error = startError(outcome);
  if (error) {
    if (outcome.type === 'busy') return errorJson(error.code, error.message, { active: brief(outcome.active) });
    if (outcome.type !== 'stale') throw error;
    return errorJson(error.code, error.message, { state: viewOf(await readHead(engine, start.chatId, party)) });
  }
  const { run } = outcome as { run: RunRecord };
  if (wantsJson(request)) return json(202, brief(run), runHeaders(run.turn, run));
  // A new run bounds its sender's own response; any number of repeated sends may join it.
  const countedAs = outcome.type === 'started' ? 'nothing' : 'stream';
  const access = { request, chatId: run.chatId, countedAs, ...allowed } as const;
  return runResponse(context, access, run, { from: 0, raw: true, party });
}

function brief({ runId, turn }: RunRecord): { runId: string; turn: number } {
  return { runId, turn };
}

function wantsJson(request: Request): boolean {
  const accept = request.headers.get('accept') ?? '';
  return accept.includes('application/json') && !accept.includes('text/event-stream');
}
