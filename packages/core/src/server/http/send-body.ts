import { ChatTransportError } from '../../errors.ts';
import { parseId } from '../../ids.ts';
import type { SendBase } from '../conversation/short-send.ts';
import type { StartRequest } from '../run/begin-run.ts';

/** Longest `messageId`, in UTF-16 units. Message ids are the AI SDK's or the app's own, and match no pattern of ours. */
const maxMessageIdLength = 256;

/** Reads the body of a send, apart from its messages. @throws ChatTransportError `invalid-body`, `invalid-id`. */
export function parseSendBody(fields: Record<string, unknown>): {
  readonly start: Omit<StartRequest, 'messages' | 'message'>;
  readonly messages: unknown;
  readonly message: unknown;
  /** How long the response may take while the send waits in the queue; absent: until it has begun. */
  readonly queueWaitMs: number | undefined;
} {
  const { id, messages, message, ...rest } = fields;
  const { trigger, messageId, runId, clientId, baseTurn, before, digest, ifComplete, queueWaitMs, ...body } = rest;
  const chatId = parseId('chatId', id);
  if (trigger != null && trigger !== 'submit-message' && trigger !== 'regenerate-message') {
    throw invalidBody('trigger must be "submit-message" or "regenerate-message".');
  }
  const hasMessageId = messageId != null;
  if (hasMessageId && (typeof messageId !== 'string' || messageId === '' || messageId.length > maxMessageIdLength)) {
    throw invalidBody(`messageId must be a string of 1 to ${maxMessageIdLength} characters.`);
  }
  const counts = { baseTurn: parseCount('baseTurn', baseTurn), queueWaitMs: parseCount('queueWaitMs', queueWaitMs) };
  if (messages != null && message != null) throw invalidBody('Send messages or message, not both.');
  if (messages == null && message == null && trigger !== 'regenerate-message') {
    throw invalidBody('messages is missing (or message, where the server has the history).');
  }
  if (ifComplete != null && typeof ifComplete !== 'boolean') throw invalidBody('ifComplete must be a boolean.');
  const base = parseBase(before, digest);
  if (base && messages != null)
    throw invalidBody('before and digest stand in the place of messages: send one of them.');
  return {
    messages: messages ?? undefined,
    message: message ?? undefined,
    queueWaitMs: counts.queueWaitMs,
    start: {
      chatId,
      trigger: trigger ?? 'submit-message',
      body,
      ...(base && { base }),
      ...(hasMessageId && { messageId: messageId as string }),
      ...(runId != null && { runId: parseId('runId', runId) }),
      ...(clientId != null && { clientId: parseId('clientId', clientId) }),
      ...(counts.baseTurn !== undefined && { baseTurn: counts.baseTurn }),
      ...(ifComplete === true && { ifComplete }),
    },
  };
}

function parseCount(name: string, value: unknown): number | undefined {
  if (value == null) return;
  if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number;
  throw invalidBody(`${name} must be a whole number, 0 or more.`);
}

/** What a send stands on, where it says so. */
function parseBase(before: unknown, digest: unknown): SendBase | undefined {
  if (digest == null) {
    if (before == null) return;
    throw invalidBody('before needs digest.');
  }
  if (typeof digest !== 'string' || !/^[0-9a-f]{16}$/.test(digest)) {
    throw invalidBody('digest must be 16 hexadecimal digits.');
  }
  if (before != null && (typeof before !== 'string' || before === '' || before.length > maxMessageIdLength)) {
    throw invalidBody(`before must be null or a string of 1 to ${maxMessageIdLength} characters.`);
  }
  return { before: before ?? null, digest };
}

/** A body that is not what its route takes. */
export function invalidBody(message: string): ChatTransportError {
  return new ChatTransportError({ code: 'invalid-body', message });
}
