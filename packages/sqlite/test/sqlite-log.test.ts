import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeRunLogContract } from '@chat-transport/contract';
import { defaultRetentionMs, type RunLog } from '@chat-transport/core/provider';
import { sqliteLog } from '../src/index.ts';

describeRunLogContract({
  name: 'sqliteLog',
  supports: { clock: true, shared: true, durable: true },
  async createHarness() {
    const folder = await mkdtemp(join(tmpdir(), 'sqlite-log-'));
    const logs: RunLog[] = [];
    let ahead = 0;
    const open = (): RunLog => {
      const log = sqliteLog({ path: join(folder, 'chats.db'), now: () => Date.now() + ahead });
      logs.push(log);
      return log;
    };
    const log = open();
    return {
      log,
      retentionMs: defaultRetentionMs,
      async advance(ms) {
        ahead += ms;
      },
      async second() {
        return open();
      },
      async reopen() {
        await log.close();
        return open();
      },
      async dispose() {
        for (const opened of logs) await opened.close();
        await rm(folder, { recursive: true });
      },
    };
  },
});
