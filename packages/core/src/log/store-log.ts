import type { RunLog } from './run-log.ts';
import { handleCommand } from './store-commands.ts';
import { createStoreContext, type StoreLogOptions } from './store-context.ts';
import { storeReading } from './store-reading.ts';
import { storeWriting } from './store-writing.ts';

/**
 * A `RunLog` over a synchronous store: all of the log's rules, once, for every store that runs inside this process
 * (memory, a SQLite file, a Durable Object).
 */
export function createStoreLog(options: StoreLogOptions): RunLog {
  const context = createStoreContext(options);
  const { store, retentionMs } = context;
  return {
    name: options.name,
    ...storeWriting(context),
    ...storeReading(context),

    command: async (key, command) =>
      context.change(key.chatId, (time) => {
        const row = store.run(key) && context.load(key, time);
        return handleCommand(store, key, row, command, time);
      }),

    claim: async (chatId, key, owner, ttlMs) =>
      context.write((time) => {
        const current = store.currentClaim(chatId, key);
        if (current && current.owner !== owner && current.until > time) return false;
        store.putClaim(chatId, key, { owner, until: time + ttlMs });
        return true;
      }),

    unfinished: async (limit) =>
      context.write((time) => {
        context.prune(time);
        return store.unfinished(time, time - retentionMs, limit).map((row) => context.record(row, time));
      }),

    close: async () => context.close(),
  };
}
