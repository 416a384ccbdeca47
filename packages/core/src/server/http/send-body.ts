import { safeValidateUIMessages, type UIMessage } from 'ai';
import { ChatTransportError } from '../../errors.ts';
import { parseId } from '../../ids.ts';
import type { SendBase } from '../conversation/short-send.ts';
import type { ResolvedOptions } from '../options.ts';
import type { StartRequest } from '../run/begin-run.ts';

/** Longest `messageId`, in UTF-16 units. Message ids are the AI SDK's or the app's own, and match no pattern of ours. */
const maxMessageIdLength = 256;

/** Reads the body of a send, apart from its messages. @throws ChatTransportError `invalid-body`, `invalid-id`. */
export function parseSendBody(fields: Record<string, unknown>): {
  readonly start: Omit<StartRequest, 'messages' | 'message'>;
  readonly messages: unknown;
  readonly message: unknown;
} {
  const { id, messages, message, trigger, messageId, runId, clientId, baseTurn, before, digest, ifComplete, ...body } =
    fields;
  const chatId = parseId('chatId', id);
  if (trigger != null && trigger !== 'submit-message' && trigger !== 'regenerate-message') {
    throw invalidBody('trigger must be "submit-message" or "regenerate-message".');
  }
  const hasMessageId = messageId != null;
  if (hasMessageId && (typeof messageId !== 'string' || messageId === '' || messageId.length > maxMessageIdLength)) {
    throw invalidBody(`messageId must be a string of 1 to ${maxMessageIdLength} characters.`);
  }
  if (baseTurn != null && !(Number.isSafeInteger(baseTurn) && (baseTurn as number) >= 0)) {
    throw invalidBody('baseTurn must be a whole number, 0 or more.');
  }
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
    start: {
      chatId,
      trigger: trigger ?? 'submit-message',
      body,
      ...(base && { base }),
      ...(hasMessageId && { messageId: messageId as string }),
      ...(runId != null && { runId: parseId('runId', runId) }),
      ...(clientId != null && { clientId: parseId('clientId', clientId) }),
      ...(baseTurn != null && { baseTurn: baseTurn as number }),
      ...(ifComplete === true && { ifComplete }),
    },
  };
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

/**
 * Checks messages with the AI SDK's own validator. They stay as they were sent, unless the app gave schemas: then what these make of them counts.
 * @throws ChatTransportError `invalid-message`, naming the first message that is refused.
 */
export async function validateMessages(options: ResolvedOptions, messages: unknown): Promise<UIMessage[]> {
  if (!Array.isArray(messages)) throw invalidBody('messages must be an array.');
  const { tools, dataPartSchemas, metadataSchema } = options;
  const validate = (candidate: unknown) =>
    safeValidateUIMessages({
      messages: structuredClone(candidate),
      ...(tools && { tools }),
      ...(dataPartSchemas && { dataSchemas: dataPartSchemas }),
      ...(metadataSchema && { metadataSchema }),
    } as Parameters<typeof safeValidateUIMessages>[0]);
  const sent = messages.filter((message) => !isEmptyAnswer(message));
  const result = await validate(sent);
  if (result.success) return tools || dataPartSchemas || metadataSchema ? result.data : sent;

  for (const message of messages) {
    if ((await validate([message])).success) continue;
    const id = (message as { id?: unknown } | null)?.id;
    throw invalidMessage(
      typeof id === 'string' ? `Message ${id.slice(0, 128)} is not a valid UI message.` : undefined,
      result.error,
    );
  }
  throw invalidMessage(undefined, result.error);
}

/** An answer of which nothing came, or that has not begun: the place that a client shows for it is no message. */
function isEmptyAnswer(message: Partial<UIMessage> | null): boolean {
  return message?.role === 'assistant' && message.parts?.length === 0 && message.metadata === undefined;
}

function invalidMessage(message = 'The messages are not valid UI messages.', cause?: unknown): ChatTransportError {
  return new ChatTransportError({ code: 'invalid-message', message, cause });
}

function invalidBody(message: string): ChatTransportError {
  return new ChatTransportError({ code: 'invalid-body', message });
}
