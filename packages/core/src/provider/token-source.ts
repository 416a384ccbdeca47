import { ChatTransportError } from '../errors.ts';

/** Asks the server for a credential that subscribes one chat. */
export type TokenSource = (chatId: string, signal?: AbortSignal) => Promise<string>;

/**
 * The credential of `POST {api}/auth`, through the transport's own requests (`SubscriberContext.post`): with its headers and credentials.
 * The returned function throws what `post` throws, and `protocol` where the response has no token.
 */
export function tokenSource(
  post: (path: string, body: object, signal?: AbortSignal) => Promise<Response>,
): TokenSource {
  return async (chatId, signal) => {
    const response = await post('/auth', { chatId }, signal);
    const body = (await response.json().catch(() => undefined)) as { token?: unknown } | undefined;
    if (typeof body?.token === 'string') return body.token;
    throw new ChatTransportError({ code: 'protocol', message: 'The chat server sent no token for this chat.' });
  };
}
