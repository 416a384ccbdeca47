import { createLocalNotices, createStoreLog, type LocalNotices, type RunLog } from '@chat-transport/core/provider';
// Not for apps: `memoryLog` is one process's.
import { createMemoryStore } from '../../core/src/log/memory-store.ts';

/** How often a handle looks for what another one wrote, in milliseconds. */
const lookEveryMs = 20;

/** Opens handles on one log, as processes open a database: the rules of every store log, over a store in this process's memory. */
export function sharedMemory(now: () => number): () => RunLog {
  const kept = createMemoryStore({ now });
  return () => {
    const notices: LocalNotices = createLocalNotices({
      whileListening: () => {
        const timer = setInterval(() => notices.notify(), lookEveryMs);
        return () => clearInterval(timer);
      },
    });
    return createStoreLog({ name: 'sharedMemory', store: { ...kept, notices, close: () => {} } });
  };
}
