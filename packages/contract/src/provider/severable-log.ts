import type { RunLog } from '@chat-transport/core/provider';

/** A log as one server process sees it, which can be taken from it: afterwards no call is answered, as of a process that was killed. */
export function severableLog(log: RunLog): { readonly log: RunLog; sever(): void } {
  let isSevered = false;
  const guarded = new Proxy(log, {
    get(target, name) {
      const value = Reflect.get(target, name);
      if (typeof value !== 'function') return value;
      return async (...parameters: unknown[]) => {
        if (isSevered) return never;
        const answer = await value.apply(target, parameters).catch((error: unknown) => {
          if (isSevered) return never;
          throw error;
        });
        return isSevered ? never : answer;
      };
    },
  });
  return {
    log: guarded,
    sever() {
      isSevered = true;
    },
  };
}

const never = new Promise<never>(() => {});
