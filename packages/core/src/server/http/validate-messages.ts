import { safeValidateUIMessages, type UIMessage } from 'ai';
import { ChatTransportError } from '../../errors.ts';
import type { ResolvedOptions } from '../options.ts';
import { inSlices, joined } from './message-slices.ts';
import { invalidBody } from './send-body.ts';

/**
 * Checks messages with the AI SDK's own validator. They stay as they were sent, unless the app gave schemas: then what these make of them counts.
 * The validator does not pause, so it gets the slices of a long conversation one by one, each behind `nextTurn`.
 * @throws ChatTransportError `invalid-message`, naming the first message that is refused.
 */
export async function validateMessages(
  options: ResolvedOptions,
  messages: unknown,
  nextTurn: () => Promise<void>,
): Promise<UIMessage[]> {
  if (!Array.isArray(messages)) throw invalidBody('messages must be an array.');
  const sent = messages.filter((message) => !isEmptyAnswer(message));
  const slices = inSlices(sent);
  const valid: (readonly UIMessage[])[] = [];
  for (const slice of slices) {
    if (slices.length > 1) await nextTurn();
    valid.push(await validateSlice(options, slice));
  }
  if (slices.length > 1) await nextTurn();
  const { tools, dataPartSchemas, metadataSchema } = options;
  return tools || dataPartSchemas || metadataSchema ? joined(sent, valid.flat()) : sent;
}

async function validateSlice(options: ResolvedOptions, slice: readonly unknown[]): Promise<UIMessage[]> {
  const { tools, dataPartSchemas, metadataSchema } = options;
  const validate = (candidate: unknown) =>
    safeValidateUIMessages({
      messages: structuredClone(candidate),
      ...(tools && { tools }),
      ...(dataPartSchemas && { dataSchemas: dataPartSchemas }),
      ...(metadataSchema && { metadataSchema }),
    } as Parameters<typeof safeValidateUIMessages>[0]);
  const result = await validate(slice);
  if (result.success) return result.data;
  for (const message of slice) {
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
