import { type FileUIPart, isToolUIPart, safeValidateUIMessages, type TextUIPart } from 'ai';
import { ChatTransportError } from '../../errors.ts';
import { parseId } from '../../ids.ts';
import type { CommandReceipt, RunCommand, RunKey } from '../../log/run-log.ts';
import { readHead } from '../conversation/head.ts';
import type { Engine } from '../engine.ts';
import { partyOf } from '../run/fair-turns.ts';
import { sendCommand } from '../run/send-command.ts';
import { isGone } from '../run/whole-runs.ts';
import type { HandlerContext } from './handler-context.ts';
import { json } from './http-errors.ts';
import { readJsonBody } from './request-body.ts';
import { countOf, maxWaitMs } from './route-stream.ts';

/** How long a client tool call belongs to the client that claimed it, in milliseconds. */
export const toolClaimMs: number = 10 * 60 * 1000;
/** Longest `toolCallId`, in UTF-16 units. They are the model's, and match no pattern of ours. */
const maxToolCallIdLength = 256;

/** `POST {api}/{chatId}/command`: a cancel, a steer, or a claim on a client tool call. */
export async function commandRoute(context: HandlerContext, request: Request, chatId: string): Promise<Response> {
  const { userId } = await context.allow(request, chatId, 'command');
  const waitMs = Math.min(countOf(new URL(request.url).searchParams, 'wait') ?? 0, maxWaitMs);
  const leave = context.engine.access.enter(userId, waitMs > 0 ? 'stream' : 'command');
  try {
    return json(200, await receiptOf(context, request, { chatId, userId, waitMs }));
  } finally {
    leave();
  }
}

async function receiptOf(
  context: HandlerContext,
  request: Request,
  { chatId, userId, waitMs }: { readonly chatId: string; readonly userId: string | undefined; readonly waitMs: number },
): Promise<CommandReceipt> {
  const { engine } = context;
  const party = partyOf(chatId, userId);
  const fields = await readJsonBody(request, context.maxBodyBytes, undefined, () => engine.turns.take(party));
  // Commands that arrive together take one turn of the event loop each.
  await engine.turns.take(party);
  const id = parseId('id', fields.id);
  const runId = parseId('runId', fields.runId);
  if (fields.type !== 'cancel' && fields.type !== 'steer' && fields.type !== 'claim') {
    throw new ChatTransportError({ code: 'invalid-body', message: 'type must be "cancel", "steer" or "claim".' });
  }
  if (fields.type === 'claim') return claimToolCall(context, { chatId, runId }, id, fields.toolCallId, userId);

  const command: RunCommand =
    fields.type === 'cancel' ? { id, type: 'cancel' } : { id, type: 'steer', parts: await steerParts(fields.parts) };
  return sendCommand(engine, { chatId, runId }, command, { waitMs, signal: request.signal });
}

async function claimToolCall(
  { engine }: HandlerContext,
  key: RunKey,
  clientId: string,
  toolCallId: unknown,
  userId: string | undefined,
): Promise<CommandReceipt> {
  const { chatId } = key;
  if (typeof toolCallId !== 'string' || toolCallId === '' || toolCallId.length > maxToolCallIdLength) {
    const message = `toolCallId must be a string of 1 to ${maxToolCallIdLength} characters.`;
    throw new ChatTransportError({ code: 'invalid-id', message });
  }
  if (!(await hasCall(engine, key, toolCallId, partyOf(chatId, userId)))) {
    const message = 'The chat has no such tool call: its answer was replaced, or the log no longer has it.';
    throw new ChatTransportError({ code: 'not-found', message });
  }
  const isGranted = await engine.options.log.claim(chatId, `tool:${toolCallId}`, clientId, toolClaimMs);
  return isGranted ? { outcome: 'delivered' } : { outcome: 'not-delivered', reason: 'claimed' };
}

/**
 * Whether the run, or the conversation, has the call. A client hears of a call once it is in the log. It may claim one of an earlier answer in the name
 * of the chat's newest run.
 */
async function hasCall(engine: Engine, key: RunKey, toolCallId: string, party: string): Promise<boolean> {
  try {
    const { chunks } = await engine.runs.read(key, party);
    if (chunks.some((chunk) => 'toolCallId' in chunk && chunk.toolCallId === toolCallId)) return true;
  } catch (error) {
    if (!isGone(error)) throw error;
  }
  const { messages } = await readHead(engine, key.chatId, party);
  return messages.some(({ parts }) => parts.some((part) => isToolUIPart(part) && part.toolCallId === toolCallId));
}

/** The parts of a steer: what a user message may have. */
async function steerParts(parts: unknown): Promise<(TextUIPart | FileUIPart)[]> {
  const result = await safeValidateUIMessages({ messages: [{ id: 'steer', role: 'user', parts }] });
  const valid = result.success ? (result.data[0]?.parts ?? []) : [];
  const allowed = valid.filter((part) => part.type === 'text' || part.type === 'file');
  if (allowed.length > 0 && allowed.length === valid.length) return allowed;
  throw new ChatTransportError({
    code: 'invalid-message',
    message: 'parts of a steer must be text and file parts, at least one.',
    cause: result.success ? undefined : result.error,
  });
}
