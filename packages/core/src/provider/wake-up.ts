/** The events of a page after which a connection may be dead, or a network may be back. */
const wakeUpEvents = ['online', 'pageshow', 'visibilitychange'] as const;

/**
 * Calls `wake` when the network may be back or the page may have slept: it comes online, is shown, or is restored from the back/forward cache.
 * While the page is hidden nothing is called, since it is called when the page is shown. Does nothing outside browsers.
 * @returns a function that ends the listening. Idempotent.
 */
export function onWakeUp(wake: () => void): () => void {
  const listening = new AbortController();
  const listener = (): void => {
    if (!globalThis.document?.hidden) wake();
  };
  for (const type of wakeUpEvents) globalThis.addEventListener?.(type, listener, { signal: listening.signal });
  return () => listening.abort();
}
