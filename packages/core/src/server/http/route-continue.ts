import { ChatTransportError } from '../../errors.ts';
import { parseId } from '../../ids.ts';
import { closingError } from '../run/begin-run.ts';
import type { ContinueTokens } from '../run/continue-token.ts';
import type { HandlerContext } from './handler-context.ts';
import { json } from './http-errors.ts';
import { readJsonBody } from './request-body.ts';

/** Largest body of the request, in bytes: two ids and a signature. */
const maxBytes = 4096;

/**
 * `POST {api}/{chatId}/continue`: this process goes on with a run that another one has given up. `authorize` is not asked, because no user asks: the
 * signature says that it is this app. One request makes at most one writer, so a copy of it is refused. PROTOCOL.md section 6.8.
 */
export async function continueRoute(
  { engine }: HandlerContext,
  tokens: ContinueTokens,
  request: Request,
  chatId: string,
): Promise<Response> {
  const { runId, attempt, expires, signature } = await readJsonBody(request, maxBytes);
  const key = { chatId, runId: parseId('runId', runId) };
  if (!isCount(attempt) || !isCount(expires) || typeof signature !== 'string') {
    const message = 'attempt and expires must be whole numbers, and signature a string.';
    throw new ChatTransportError({ code: 'invalid-body', message });
  }
  await tokens.check({ ...key, attempt }, { expires, signature });
  if (engine.draining.aborted) throw closingError();
  if (await engine.continuations.goOn(key, attempt)) return json(202, { ...key, attempt: attempt + 1 });
  throw new ChatTransportError({ code: 'stale', message: 'The run already has another writer, or is over.' });
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) > 0;
}
