import { join } from 'node:path';
import { describeKilledWriters } from '../../core/test/server/continuation/killed-writers.ts';
import { sqliteLog } from '../src/index.ts';

describeKilledWriters({
  name: 'sqlite',
  script: new URL('support/writer-process.ts', import.meta.url),
  place: (folder) => join(folder, 'chats.db'),
  open: async (path, aheadMs) => {
    const log = sqliteLog({ path, now: () => Date.now() + aheadMs });
    return { log, close: () => log.close() };
  },
});
