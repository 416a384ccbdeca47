import type { Notices, Topic } from './log-store.ts';
import type { WaitOptions } from './run-log.ts';

/** One look at the log: an answer, or nothing yet and when time alone may change that. */
export type Look<T> =
  | { readonly done: true; readonly value: T }
  | { readonly done: false; readonly againInMs?: number | undefined };

/** Calls `callback` once after `delayMs`; the answer cancels it. */
export type Schedule = (callback: () => void, delayMs: number) => () => void;

/** What all waiting calls of a log share. */
export interface Waiting {
  /**
   * Calls `look` now and after each notice, until it is done or the waiting is over. For the final call `last` is true, and it
   * must be done. Rejects with what `look` throws, or with the abort signal's reason.
   */
  wait<T>(place: Place, look: (last: boolean) => PromiseLike<Look<T>>, options: WaitOptions): Promise<T>;
  /** Ends all waiting with a last look each. */
  close(): Promise<void>;
}

/** Where a waiting call's news comes from. */
export interface Place {
  readonly chatId: string;
  readonly topic: Topic;
}

/** Real timers, read from the global at each call so that fake timers work. */
const realSchedule: Schedule = (callback, delayMs) => {
  const timer = setTimeout(callback, Math.min(Math.max(delayMs, 1), 2 ** 31 - 1));
  return () => clearTimeout(timer);
};

/** Makes waiting by notices instead of by polling. */
export function createWaiting(notices: Notices, schedule: Schedule = realSchedule): Waiting {
  const open = new Map<Bell, Promise<unknown>>();
  let isClosing = false;

  const waitWith = async <T>(
    bell: Bell,
    { chatId, topic }: Place,
    look: (last: boolean) => PromiseLike<Look<T>>,
    { waitMs = 0, signal }: WaitOptions,
  ): Promise<T> => {
    if (waitMs <= 0) {
      const only = await unlessAborted(look(true), signal);
      if (only.done) return only.value;
    }
    // Listen before the first look, so that no change falls between them.
    const heard = notices.listen(chatId, topic, bell.ring);
    heard.live?.then(bell.ring, () => {});
    let isLate = false;
    const cancelDeadline = schedule(() => {
      isLate = true;
      bell.ring();
    }, waitMs);
    signal?.addEventListener('abort', bell.ring);
    try {
      for (;;) {
        bell.quiet();
        const result = await unlessAborted(look(isLate || isClosing), signal);
        if (result.done) return result.value;
        const { againInMs } = result;
        const cancelAgain = againInMs === undefined ? undefined : schedule(bell.ring, againInMs);
        await bell.rung();
        cancelAgain?.();
        signal?.throwIfAborted();
      }
    } finally {
      signal?.removeEventListener('abort', bell.ring);
      cancelDeadline();
      heard.stop();
    }
  };

  return {
    async wait(place, look, options) {
      options.signal?.throwIfAborted();
      const bell = createBell();
      const answer = waitWith(bell, place, look, options);
      open.set(bell, answer);
      return answer.finally(() => open.delete(bell));
    },
    async close() {
      isClosing = true;
      for (const bell of open.keys()) bell.ring();
      await Promise.allSettled(open.values());
    },
  };
}

/** Wakes one waiting call; a ring before it sleeps counts. */
interface Bell {
  readonly ring: () => void;
  quiet(): void;
  /** Resolves at a ring since `quiet`. */
  rung(): Promise<void>;
}

function createBell(): Bell {
  let isRung = false;
  let wake = (): void => {};
  return {
    ring() {
      isRung = true;
      wake();
    },
    quiet() {
      isRung = false;
    },
    async rung() {
      if (isRung) return;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    },
  };
}

/** A look goes on unheard when its caller has given up: a store may take long to answer. */
function unlessAborted<T>(answer: PromiseLike<T>, signal: AbortSignal | undefined): PromiseLike<T> {
  if (!signal) return answer;
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason);
    const done = (): void => signal.removeEventListener('abort', onAbort);
    signal.addEventListener('abort', onAbort);
    answer.then(
      (value) => {
        done();
        resolve(value);
      },
      (error) => {
        done();
        reject(error);
      },
    );
    if (signal.aborted) onAbort();
  });
}
