import { ChatTransportError } from '../errors.ts';

/**
 * Asks the server for a credential that subscribes one chat. `onQueued` is called while the request waits behind others
 * of this page, each time that it has come nearer to its turn: hand on the listener's.
 */
export type TokenSource = (chatId: string, signal?: AbortSignal, onQueued?: () => void) => Promise<string>;

/**
 * How many credentials a page asks for at a time: a browser opens six connections to a server, and a page that comes
 * back with a hundred chats must still be able to send.
 */
export const maxTokenRequests = 4;

/**
 * The credential of `POST {api}/auth`, through the transport's own requests (`SubscriberContext.post`): with its
 * headers and credentials. The returned function throws what `post` throws, and `protocol` where the response has no
 * token.
 */
export function tokenSource(
  post: (path: string, body: object, signal?: AbortSignal) => Promise<Response>,
): TokenSource {
  const waiting: { readonly begin: () => void; readonly onQueued: (() => void) | undefined }[] = [];
  let open = 0;
  return async (chatId, signal, onQueued) => {
    onQueued?.();
    if (open === maxTokenRequests) await new Promise<void>((begin) => waiting.push({ begin, onQueued }));
    else open++;
    try {
      const response = await post('/auth', { chatId }, signal);
      const body = (await response.json().catch(() => undefined)) as { token?: unknown } | undefined;
      if (typeof body?.token === 'string') return body.token;
      throw new ChatTransportError({ code: 'protocol', message: 'The chat server sent no token for this chat.' });
    } finally {
      for (const each of waiting) each.onQueued?.();
      const next = waiting.shift();
      if (next) next.begin();
      else open--;
    }
  };
}
