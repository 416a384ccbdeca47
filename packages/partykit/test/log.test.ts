import { describeRunLogContract } from '@chat-transport/contract';
import { defaultRetentionMs, type RunLog } from '@chat-transport/core/provider';
import { afterAll, beforeAll } from 'vitest';
import { partykitServer } from '../src/remote.ts';
import { secret, Workerd } from './support/workerd.ts';

let workerd: Workerd;

beforeAll(async () => {
  workerd = await Workerd.start();
});
afterAll(() => workerd.stop());

describeRunLogContract({
  name: 'a Durable Object per chat',
  supports: { clock: true, shared: true, durable: true },
  async createHarness() {
    const logs: RunLog[] = [];
    const open = (): RunLog => {
      const { log } = partykitServer({ url: workerd.url, secret });
      logs.push(log);
      return log;
    };
    return {
      log: open(),
      retentionMs: defaultRetentionMs,
      advance: async (ms) => void (await workerd.seen(ms)),
      second: async () => open(),
      async reopen() {
        for (const log of logs) await log.close();
        await workerd.restart();
        return open();
      },
      async dispose() {
        for (const log of logs) await log.close();
      },
    };
  },
});
