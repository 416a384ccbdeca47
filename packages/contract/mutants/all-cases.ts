import { memoryLog } from '@chat-transport/core/memory';
import { defaultRetentionMs } from '@chat-transport/core/provider';
import { isApplicableLogCase, type LogHarness, type LogSupports } from '../src/log/log-case.ts';
import { runLogCases } from '../src/log/log-cases.ts';
import { providerCases } from '../src/provider/provider-cases.ts';
import { isApplicable, runProviderCase } from '../src/stage/describe-cases.ts';
import type { ProviderContract } from '../src/stage/provider-case.ts';
import { transportCases } from '../src/transport/transport-cases.ts';
import { sharedMemory } from './shared-memory.ts';

/** Every case, by its name: with the provider of the page, as it is or as if it were not ordered, and with `memoryLog` or a log that handles share. */
export async function allCases(): Promise<Map<string, () => Promise<void>>> {
  const { contract } = await import('../../../docs/writing-a-provider.md');
  const unordered: ProviderContract = { ...contract, supports: { ...contract.supports, ordered: false } };
  const cases = new Map<string, () => Promise<void>>();
  for (const each of [...providerCases, ...transportCases]) {
    const applicable = [contract, unordered].find(({ supports }) => isApplicable(each, supports));
    if (applicable) cases.set(each.id, () => runProviderCase(applicable, each));
  }
  for (const each of runLogCases) {
    const world = logWorlds.find(({ supports }) => isApplicableLogCase(each, supports));
    if (world) cases.set(`log:${each.id}`, () => withLog(world.open, each.run));
  }
  return cases;
}

interface LogWorld {
  readonly supports: LogSupports;
  readonly open: (now: () => number) => Pick<LogHarness, 'log' | 'second' | 'reopen'>;
}

/** `memoryLog`; and for what it lacks, a log that several handles share. */
const logWorlds: readonly LogWorld[] = [
  {
    supports: { clock: true, shared: false, durable: false },
    open: (now) => ({ log: memoryLog({ now, allowServerless: true }) }),
  },
  {
    supports: { clock: true, shared: true, durable: true },
    open: (now) => {
      const handle = sharedMemory(now);
      const log = handle();
      return {
        log,
        second: async () => handle(),
        reopen: async () => {
          await log.close();
          return handle();
        },
      };
    },
  },
];

async function withLog(open: LogWorld['open'], run: (harness: LogHarness) => Promise<void>): Promise<void> {
  let ahead = 0;
  const opened = open(() => Date.now() + ahead);
  const dispose = () => opened.log.close();
  try {
    await run({
      ...opened,
      retentionMs: defaultRetentionMs,
      async advance(ms) {
        ahead += ms;
      },
      dispose,
    });
  } finally {
    await dispose();
  }
}
