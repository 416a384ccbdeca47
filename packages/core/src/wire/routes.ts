/** The default of `api`: the base path of all routes, on the server and in the client. */
export const defaultApi = '/api/chat';
/**
 * The `cache-control` of every response with a user's data: nothing may store it, and nothing may transform it. A compressing proxy or
 * middleware would hold a stream's events back until its end.
 */
export const privateCacheControl = 'private, no-store, no-transform';
/** The header in which a send names its chat, so that the server can refuse it before it reads the body. */
export const chatIdHeader = 'x-chat-id';

/** `api` without a slash at its end. A query or a fragment stays. */
export function normalizeApi(api: string): string {
  return api.replace(/\/+(?=[?#]|$)/, '');
}

/** The address of a route: `path` goes behind `api`, in front of its query or fragment. */
export function routeAddress(api: string, path: string): string {
  return normalizeApi(api).replace(/(?=[?#]|$)/, path);
}
