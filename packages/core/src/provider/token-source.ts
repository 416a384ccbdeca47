import { ChatTransportError } from '../errors.ts';

/** Asks the server for a credential that subscribes one chat. */
export type TokenSource = (chatId: string, signal?: AbortSignal) => Promise<string>;

/**
 * How many credentials a page asks for at a time: a browser opens six connections to a server, and a page that comes back with a hundred chats must
 * still be able to send.
 */
export const maxTokenRequests = 4;

/**
 * The credential of `POST {api}/auth`, through the transport's own requests (`SubscriberContext.post`): with its headers and credentials.
 * The returned function throws what `post` throws, and `protocol` where the response has no token.
 */
export function tokenSource(
  post: (path: string, body: object, signal?: AbortSignal) => Promise<Response>,
): TokenSource {
  const waiting: (() => void)[] = [];
  let open = 0;
  return async (chatId, signal) => {
    if (open === maxTokenRequests) await new Promise<void>((resolve) => waiting.push(resolve));
    else open++;
    try {
      const response = await post('/auth', { chatId }, signal);
      const body = (await response.json().catch(() => undefined)) as { token?: unknown } | undefined;
      if (typeof body?.token === 'string') return body.token;
      throw new ChatTransportError({ code: 'protocol', message: 'The chat server sent no token for this chat.' });
    } finally {
      const next = waiting.shift();
      if (next) next();
      else open--;
    }
  };
}
