/** The events of a page after which a connection may be dead, or a network may be back. */
const wakeUpEvents = ['online', 'pageshow', 'visibilitychange'] as const;

const listeners = new Set<() => void>();

/**
 * Calls `wake` when the network may be back or the page may have slept: it comes online, is shown, or is restored from the back/forward cache.
 * While the page is hidden nothing is called, since it is called when the page is shown. Outside browsers, only `wakeUp` calls it.
 * @returns a function that ends the listening. Idempotent.
 */
export function onWakeUp(wake: () => void): () => void {
  const listening = new AbortController();
  const listener = (): void => {
    if (!globalThis.document?.hidden) wake();
  };
  listeners.add(listener);
  for (const type of wakeUpEvents) globalThis.addEventListener?.(type, listener, { signal: listening.signal });
  return () => {
    listeners.delete(listener);
    listening.abort();
  };
}

/**
 * Makes every transport of this process try its connections now instead of at the end of a wait. A page does that by itself. An app without a
 * page calls it when it comes to the foreground or back online: in React Native, when `AppState` becomes `active`.
 */
export function wakeUp(): void {
  for (const wake of listeners) wake();
}
