/** Hands each listener of the app what happened. What a listener throws is reported, and stops nothing here. */
export function each<T>(listeners: Iterable<T>, tell: (listener: T) => void): void {
  for (const listener of [...listeners]) {
    try {
      tell(listener);
    } catch (error) {
      globalThis.reportError?.(error);
    }
  }
}
