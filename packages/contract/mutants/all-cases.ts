import { memoryLog } from '@chat-transport/core/memory';
import { defaultRetentionMs } from '@chat-transport/core/provider';
import { isApplicableLogCase, type LogHarness } from '../src/log/log-case.ts';
import { runLogCases } from '../src/log/log-cases.ts';
import { providerCases } from '../src/provider/provider-cases.ts';
import { isApplicable, runProviderCase } from '../src/stage/describe-cases.ts';
import type { ProviderContract } from '../src/stage/provider-case.ts';
import { transportCases } from '../src/transport/transport-cases.ts';

/** Every case that the provider of the page and `memoryLog` have to pass, by its name; and what the provider would have to pass if it were not ordered. */
export async function allCases(): Promise<Map<string, () => Promise<void>>> {
  const { contract } = await import('../../../docs/writing-a-provider.md');
  const unordered: ProviderContract = { ...contract, supports: { ...contract.supports, ordered: false } };
  const cases = new Map<string, () => Promise<void>>();
  for (const each of [...providerCases, ...transportCases]) {
    const applicable = [contract, unordered].find(({ supports }) => isApplicable(each, supports));
    if (applicable) cases.set(each.id, () => runProviderCase(applicable, each));
  }
  for (const each of runLogCases)
    if (isApplicableLogCase(each, { clock: true, shared: false, durable: false }))
      cases.set(`log:${each.id}`, () => withLog(each.run));
  return cases;
}

async function withLog(run: (harness: LogHarness) => Promise<void>): Promise<void> {
  let ahead = 0;
  const log = memoryLog({ now: () => Date.now() + ahead, allowServerless: true });
  try {
    await run({
      log,
      retentionMs: defaultRetentionMs,
      async advance(ms) {
        ahead += ms;
      },
      dispose: () => log.close(),
    });
  } finally {
    await log.close();
  }
}
