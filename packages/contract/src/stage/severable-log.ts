import type { RunLog } from '@chat-transport/core/provider';

/** What a case sees of a server's log, and how it can hold the log up. */
export interface LogHooks {
  /** The call waits for what this answers. */
  before(call: string): Promise<void> | undefined;
  after(call: string, parameters: readonly unknown[], answer: unknown): void;
}

/**
 * A log as one server process sees it, which can be taken from it: afterwards no call is answered, as of a process that
 * was killed.
 */
export function severableLog(log: RunLog, hooks: LogHooks): { readonly log: RunLog; sever(): void } {
  let isSevered = false;
  const guarded = new Proxy(log, {
    get(target, name) {
      const value = Reflect.get(target, name);
      if (typeof value !== 'function') return value;
      return async (...parameters: unknown[]) => {
        await hooks.before(String(name));
        if (isSevered) return never;
        const answer = await value.apply(target, parameters).catch((error: unknown) => {
          if (isSevered) return never;
          throw error;
        });
        if (isSevered) return never;
        hooks.after(String(name), parameters, answer);
        return answer;
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
