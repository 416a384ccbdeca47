import type { Look, WaitOptions } from '@chat-transport/core/provider';
import type { Notices } from './notices.ts';

/** One waiting call. */
export interface Wait<T> extends WaitOptions {
  /** Where news of it is told. */
  readonly channels: readonly string[];
  /** Only notices about this run count; all where it is absent. */
  readonly run?: string;
  /** Looks at the log. With `last` it must be done. */
  look(last: boolean): Promise<Look<T>>;
}

/** What all waiting calls of a log share. */
export interface Waiting {
  /** Looks at once, then after each notice and when time alone may have changed something, until a look is done or the waiting is over. */
  wait<T>(options: Wait<T>): Promise<T>;
  /** Ends all waiting with a last look each. */
  close(): Promise<void>;
}

const maxTimerMs = 2 ** 31 - 1;

export function createWaiting(notices: Notices): Waiting {
  const open = new Map<Bell, Promise<unknown>>();
  let isClosing = false;

  async function waitOn<T>({ channels, run, look, waitMs = 0, signal }: Wait<T>, bell: Bell): Promise<T> {
    const until = performance.now() + waitMs;
    const leave = notices.listen(channels, (about) => {
      if (run === undefined || about === undefined || about === run) bell.ring();
    });
    signal?.addEventListener('abort', bell.ring);
    try {
      for (let isHeard = notices.hears(channels); ; ) {
        bell.quiet();
        const last = isClosing || performance.now() >= until;
        const result = await orAborted(look(last), signal);
        if (result.done) return result.value;
        if (!isHeard) {
          isHeard = true;
          // What happened between the look and the subscription was not told: look again. Without Redis, the next look says so.
          notices.subscribe(channels).then(bell.ring, () => {});
        }
        const { againInMs = maxTimerMs } = result;
        await bell.next(
          Math.ceil(Math.min(Math.max(until - performance.now(), 0), Math.max(againInMs, 1), maxTimerMs)),
        );
        signal?.throwIfAborted();
      }
    } finally {
      signal?.removeEventListener('abort', bell.ring);
      leave();
    }
  }

  return {
    async wait(options) {
      options.signal?.throwIfAborted();
      const bell = createBell();
      const answer = waitOn(options, bell);
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

/** What wakes one waiting call; a ring before it sleeps counts. */
interface Bell {
  readonly ring: () => void;
  quiet(): void;
  /** Resolves at a ring since `quiet`, or after `ms`. */
  next(ms: number): Promise<void>;
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
    async next(ms) {
      if (isRung) return;
      let timer: ReturnType<typeof setTimeout> | undefined;
      await new Promise<void>((resolve) => {
        timer = setTimeout(resolve, ms);
        wake = resolve;
      });
      clearTimeout(timer);
    },
  };
}

/** A look goes on unheard when the caller has given up: Redis may take long to answer. */
function orAborted<T>(answer: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return answer;
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason);
    signal.addEventListener('abort', onAbort);
    answer.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
    if (signal.aborted) onAbort();
  });
}
