import { abortOf } from './persist.ts';

/**
 * How many responses the tabs of one browser hold open. A browser allows six HTTP/1.1 connections per origin: what is left is for
 * sends and stops, also those of the seventh tab. A tab without a place asks again and again instead.
 */
const maxOpenResponses = 4;

/** Whether a response may stay open until `signal` aborts. Outside browsers, and without Web Locks (pages without TLS): always. */
export async function mayStayOpen(signal: AbortSignal): Promise<boolean> {
  const locks = globalThis.document && navigator.locks;
  if (!locks || signal.aborted) return true;
  const left = abortOf(signal);
  for (let place = maxOpenResponses; place--; ) {
    const isFree = await new Promise((resolve) => {
      const hold = (lock: unknown) => {
        resolve(lock);
        // The browser holds the lock until this promise settles or the tab is closed.
        return lock && left;
      };
      // A page that is not allowed to use locks gets no limit.
      locks.request(`chat-transport:${place}`, { ifAvailable: true }, hold).catch(() => resolve(true));
    });
    if (isFree) return true;
  }
  return false;
}
