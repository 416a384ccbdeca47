import { ChatTransportError } from '../../errors.ts';
import { parseId } from '../../ids.ts';
import { chatIdHeader } from '../../wire/routes.ts';
import { readJsonBody } from './request-body.ts';

/** How much of a send's body the server reads. */
export interface SendBodyLimits {
  readonly maxBodyBytes: number;
  readonly maxUnnamedBodyBytes: number;
}

/**
 * Reads the body of a send for a chat that `allow` has granted. A request that names its chat in a header is refused before its body is
 * read; of one that does not, only `maxUnnamedBodyBytes` are read to learn the chat. PROTOCOL.md section 6.1. `nextTurn` is for large bodies.
 * @throws ChatTransportError `too-large`, `invalid-id` where header and body name two chats, what `readJsonBody` and `allow` throw.
 */
export async function readNamedBody<T>(
  request: Request,
  limits: SendBodyLimits,
  allow: (chatId: string) => Promise<T>,
  nextTurn: (chatId: string, allowed: T) => Promise<void> = async () => {},
): Promise<{ readonly fields: Record<string, unknown>; readonly allowed: T }> {
  const { maxBodyBytes, maxUnnamedBodyBytes } = limits;
  const name = request.headers.get(chatIdHeader);
  if (name === null) {
    const isShorter = maxUnnamedBodyBytes < maxBodyBytes;
    const fields = isShorter
      ? await readJsonBody(request, maxUnnamedBodyBytes, unnamed(maxUnnamedBodyBytes))
      : await readJsonBody(request, maxBodyBytes);
    return { fields, allowed: await allow(parseId('chatId', fields.id)) };
  }
  const allowed = await allow(parseId('chatId', name));
  const fields = await readJsonBody(request, maxBodyBytes, undefined, () => nextTurn(name, allowed));
  if (fields.id === name) return { fields, allowed };
  throw new ChatTransportError({
    code: 'invalid-id',
    message: `The header ${chatIdHeader} and the body's id name two chats.`,
  });
}

function unnamed(maxBytes: number): string {
  return (
    `The body is larger than maxUnnamedBodyBytes (${maxBytes} bytes) and the request has no ${chatIdHeader} header. ` +
    'Name the chat in that header, or raise the limit on the server.'
  );
}
