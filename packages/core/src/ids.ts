import { ChatTransportError } from './errors.ts';

/** What `chatId`, `runId`, `clientId` and a signal's `id` must match. */
export const idPattern: RegExp = /^[A-Za-z0-9_-]{1,128}$/;

/** Whether `value` may be used as an id on the wire. */
export function isId(value: unknown): value is string {
  return typeof value === 'string' && idPattern.test(value);
}

/**
 * Returns `value` as an id.
 * @throws ChatTransportError `invalid-id`; the chat id `auth` is refused because it is a route.
 */
export function parseId(field: 'chatId' | 'runId' | 'clientId' | 'id', value: unknown): string {
  if (!isId(value) || (field === 'chatId' && value === 'auth')) {
    throw new ChatTransportError({
      code: 'invalid-id',
      message: `${field} must match ${idPattern.source}${field === 'chatId' ? ' and may not be "auth"' : ''}.`,
    });
  }
  return value;
}
