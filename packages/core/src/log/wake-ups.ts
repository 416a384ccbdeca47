import type { WaitOptions } from './run-log.ts';

/** One look at the log: an answer, or nothing yet and when time alone may change that. */
export type Look<T> =
  | { readonly done: true; readonly value: T }
  | { readonly done: false; readonly againInMs?: number | undefined };

/** Calls `callback` once after `delayMs`; the answer cancels it. */
export type Schedule = (callback: () => void, delayMs: number) => () => void;

/** Waiting by notice instead of by polling. */
export interface WakeUps {
  /**
   * Looks now and after each notice about `chatId`, until a look is done or the waiting is over; the last look is told so
   * and must be done. Rejects with what a look throws, or with the abort signal's reason.
   */
  wait<T>(chatId: string, look: (last: boolean) => Look<T>, options: WaitOptions): Promise<T>;
  /** Something changed in a chat; without `chatId`, anywhere. */
  notify(chatId?: string): void;
  /** Ends all waiting with a last look each. */
  close(): void;
}

/** Real timers, read from the global at each call so that fake timers work. */
const realSchedule: Schedule = (callback, delayMs) => {
  const timer = setTimeout(callback, Math.min(Math.max(delayMs, 1), 2 ** 31 - 1));
  return () => clearTimeout(timer);
};

/**
 * Makes wake-ups for one log. `whileWaiting` is called when the first caller begins to wait, and what it returns when the
 * last one stopped: where notices from elsewhere have to be looked for.
 */
export function createWakeUps(options: { schedule?: Schedule; whileWaiting?: () => () => void } = {}): WakeUps {
  const { schedule = realSchedule, whileWaiting } = options;
  const waiters = new Map<string, Set<Waiter>>();
  let stopLooking: (() => void) | undefined;

  const add = (chatId: string, waiter: Waiter): void => {
    if (waiters.size === 0) stopLooking = whileWaiting?.();
    const chat = waiters.get(chatId) ?? new Set();
    waiters.set(chatId, chat.add(waiter));
  };
  const remove = (chatId: string, waiter: Waiter): void => {
    const chat = waiters.get(chatId);
    if (!chat?.delete(waiter) || chat.size > 0) return;
    waiters.delete(chatId);
    if (waiters.size === 0) stopLooking?.();
  };
  const all = (): Waiter[] => [...waiters.values()].flatMap((chat) => [...chat]);

  return {
    async wait<T>(chatId: string, look: (last: boolean) => Look<T>, { waitMs = 0, signal }: WaitOptions): Promise<T> {
      signal?.throwIfAborted();
      const first = look(waitMs <= 0);
      if (first.done) return first.value;
      return new Promise<T>((resolve, reject) => {
        let over = false;
        let cancelAgain: (() => void) | undefined;
        const finish = (settle: () => void): void => {
          over = true;
          cancelAgain?.();
          cancelDeadline();
          signal?.removeEventListener('abort', onAbort);
          remove(chatId, waiter);
          settle();
        };
        const check = (last: boolean): void => {
          if (over) return;
          try {
            const result = look(last);
            if (result.done) finish(() => resolve(result.value));
            else arm(result.againInMs);
          } catch (error) {
            finish(() => reject(error));
          }
        };
        const arm = (againInMs: number | undefined): void => {
          cancelAgain?.();
          cancelAgain = againInMs === undefined ? undefined : schedule(() => check(false), againInMs);
        };
        const onAbort = (): void => finish(() => reject(signal?.reason));
        const waiter: Waiter = {
          // In a microtask, so that a writer never runs its readers' looks, and several notices make one look.
          wake: once(() => check(false)),
          stop: () => check(true),
        };
        const cancelDeadline = schedule(() => check(true), waitMs);
        signal?.addEventListener('abort', onAbort);
        add(chatId, waiter);
        arm(first.againInMs);
      });
    },
    notify(chatId) {
      for (const waiter of chatId === undefined ? all() : (waiters.get(chatId) ?? [])) waiter.wake();
    },
    close() {
      for (const waiter of all()) waiter.stop();
    },
  };
}

interface Waiter {
  wake(): void;
  stop(): void;
}

function once(work: () => void): () => void {
  let queued = false;
  return () => {
    if (queued) return;
    queued = true;
    queueMicrotask(() => {
      queued = false;
      work();
    });
  };
}
