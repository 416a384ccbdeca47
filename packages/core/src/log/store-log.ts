import type { RunLog } from './run-log.ts';
import { storeAccess } from './store-access.ts';
import { beginRun } from './store-begin.ts';
import { storeCommands } from './store-commands.ts';
import { createStoreContext, type StoreLogOptions } from './store-context.ts';
import { deleteChat } from './store-deletion.ts';
import { storeReading } from './store-reading.ts';
import { storeWriting } from './store-writing.ts';

/** A `RunLog` over any store: all of the log's rules, once (memory, SQLite, a Durable Object, Redis, Postgres). */
export function createStoreLog(options: StoreLogOptions): RunLog {
  const context = createStoreContext(options);
  const { store, retentionMs, guard, record } = context;
  return {
    name: options.name,
    begin: (init) => beginRun(context, init),
    ...storeWriting(context),
    ...storeCommands(context),
    ...storeReading(context),
    ...storeAccess(context),
    deleteChat: (chatId) => deleteChat(context, chatId),

    unfinished: (limit) =>
      guard(async () => {
        await store.prune(retentionMs);
        const { now, runs } = await store.unfinished(limit, retentionMs);
        return runs.map((row) => record(row, { ...nothing, now }));
      }),

    close: () => context.close(),
  };
}

/** Facts of no chat: a store answers `unfinished` over all of them. */
const nothing = { turn: 0, deletedTurn: 0, openCommands: [], frames: [], newest: [], parked: [], claimCount: 0 };
