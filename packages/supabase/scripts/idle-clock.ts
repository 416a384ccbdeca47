import type { Clock } from '@chat-transport/core';

/** A clock whose time passes only while nothing else is to be done: what is measured by it does not depend on how fast the machine is. */
export interface IdleClock extends Clock {
  /** Time does not pass while this runs. */
  during<T>(work: () => PromiseLike<T>): Promise<T>;
}

/** How many turns of the event loop the callbacks of a timer have to come to rest. */
const turnsOfRest = 20;

export function createIdleClock(): IdleClock {
  const timers = new Map<object, { readonly at: number; readonly callback: () => void }>();
  let now = 0;
  let running = 0;
  let isLooking = false;

  /** Lets time pass to the next timer, once the callbacks of the last one have come to rest. */
  const look = async (): Promise<void> => {
    if (isLooking) return;
    isLooking = true;
    for (;;) {
      const { size } = timers;
      for (let turn = 0; turn < turnsOfRest; turn += 1) await new Promise((resolve) => setImmediate(resolve));
      if (running > 0) break;
      if (timers.size !== size) continue;
      const [next] = [...timers].sort(([, one], [, other]) => one.at - other.at);
      if (!next) break;
      const [key, { at, callback }] = next;
      timers.delete(key);
      now = Math.max(now, at);
      callback();
    }
    isLooking = false;
  };

  return {
    now: () => now,
    setTimeout(callback, delayMs) {
      const key = {};
      timers.set(key, { at: now + Math.max(delayMs, 0), callback });
      void look();
      return key;
    },
    clearTimeout: (key) => void timers.delete(key as object),
    async during(work) {
      running += 1;
      try {
        return await work();
      } finally {
        running -= 1;
        void look();
      }
    },
  };
}
