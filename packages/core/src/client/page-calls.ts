/** How many tool calls are remembered that this page has taken. */
const maxTakenCalls = 1000;

/**
 * The client tool calls that a page takes, or has taken, whatever transport they came by: it may have closed since, as
 * after hot reload.
 */
const pages = new WeakMap<object, Map<string, Promise<boolean>>>();

/**
 * Takes a client tool's call for one chat of this page. Resolves with true for one of the page's chats at most: the
 * first one whose `claim` the server grants. Where it is refused, the next chat of the page tries: its
 * transport may have a newer token. `claim` never rejects.
 */
export async function takeCall(transport: object, key: string, claim: () => Promise<boolean>): Promise<boolean> {
  const page = globalThis.document ?? transport;
  const calls = pages.get(page) ?? new Map<string, Promise<boolean>>();
  pages.set(page, calls);
  // A replay in this page repeats the same call.
  for (let other = calls.get(key); other; other = calls.get(key)) if (await other) return false;
  const taking = claim();
  calls.set(key, taking);
  for (const oldest of calls.keys()) if (calls.size > maxTakenCalls) calls.delete(oldest);
  const isTaken = await taking;
  // The next replay repeats the call, and this page may try again.
  if (!isTaken) calls.delete(key);
  return isTaken;
}
