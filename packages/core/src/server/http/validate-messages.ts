import { safeValidateUIMessages, type UIMessage } from 'ai';
import { ChatTransportError } from '../../errors.ts';
import type { ResolvedOptions } from '../options.ts';
import { inSlices, joined, partsOf } from './message-slices.ts';
import { invalidBody } from './send-body.ts';

/** How many messages one body may carry. A longer conversation is sent by what is new in it, or its history is kept by the server. */
export const maxMessagesPerBody = 10_000;
/** How many parts one message may have. */
export const maxPartsPerMessage = 20_000;

/**
 * Checks messages with the AI SDK's own validator. They stay as they were sent, unless the app gave schemas: then what these make of them counts.
 * The validator does not pause, so it gets the slices of a long conversation one by one, each behind `nextTurn`.
 * @throws ChatTransportError `invalid-message`, naming the first message that is refused; `too-large` for too many messages or parts.
 */
export async function validateMessages(
  options: ResolvedOptions,
  messages: unknown,
  nextTurn: () => Promise<void>,
): Promise<UIMessage[]> {
  if (!Array.isArray(messages)) throw invalidBody('messages must be an array.');
  refuseTooMany(messages);
  const sent = messages.filter((message) => !isEmptyAnswer(message));
  const slices = inSlices(sent);
  const valid: (readonly UIMessage[])[] = [];
  for (const slice of slices) {
    if (slices.length > 1) await nextTurn();
    const result = await validate(options, slice);
    if (!result.success) throw refused(await firstInvalid(options, slice, nextTurn), result.error);
    valid.push(result.data);
  }
  if (slices.length > 1) await nextTurn();
  const { tools, dataPartSchemas, metadataSchema } = options;
  return tools || dataPartSchemas || metadataSchema ? joined(sent, valid.flat()) : sent;
}

/**
 * Lets the AI SDK build its schema of messages before there are requests. That takes more than 10 ms, for which everybody would wait at the
 * first send.
 */
export function buildSchema(): void {
  void safeValidateUIMessages({ messages: [{ id: 'm', role: 'user', parts: [{ type: 'text', text: '' }] }] });
}

function validate({ tools, dataPartSchemas, metadataSchema }: ResolvedOptions, messages: readonly unknown[]) {
  return safeValidateUIMessages({
    messages: structuredClone(messages),
    ...(tools && { tools }),
    ...(dataPartSchemas && { dataSchemas: dataPartSchemas }),
    ...(metadataSchema && { metadataSchema }),
  } as Parameters<typeof safeValidateUIMessages>[0]);
}

/** The first message of a slice that the validator refuses, found by halves: one by one, a thousand small ones would cost a thousand calls. */
async function firstInvalid(
  options: ResolvedOptions,
  slice: readonly unknown[],
  nextTurn: () => Promise<void>,
): Promise<unknown> {
  let rest = slice;
  while (rest.length > 1) {
    await nextTurn();
    const half = rest.slice(0, Math.ceil(rest.length / 2));
    rest = (await validate(options, half)).success ? rest.slice(half.length) : half;
  }
  return rest[0];
}

function refused(message: unknown, cause: unknown): ChatTransportError {
  const id = (message as { id?: unknown } | null | undefined)?.id;
  const text = typeof id === 'string' ? `Message ${id.slice(0, 128)} is not a valid UI message.` : undefined;
  return new ChatTransportError({
    code: 'invalid-message',
    message: text ?? 'The messages are not valid UI messages.',
    cause,
  });
}

function refuseTooMany(messages: readonly unknown[]): void {
  if (messages.length > maxMessagesPerBody) {
    throw tooMany(`The body has ${messages.length} messages; the chat server accepts ${maxMessagesPerBody}.`);
  }
  const parts = Math.max(0, ...messages.map((message) => partsOf(message).length));
  if (parts <= maxPartsPerMessage) return;
  throw tooMany(`A message has ${parts} parts; the chat server accepts ${maxPartsPerMessage}.`);
}

function tooMany(message: string): ChatTransportError {
  return new ChatTransportError({ code: 'too-large', message });
}

/** An answer of which nothing came, or that has not begun: the place that a client shows for it is no message. */
function isEmptyAnswer(message: Partial<UIMessage> | null): boolean {
  return message?.role === 'assistant' && message.parts?.length === 0 && message.metadata === undefined;
}
