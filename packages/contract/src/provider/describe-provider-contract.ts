import { memoryLog } from '@chat-transport/core/memory';
import { describe, it } from 'vitest';
import type { CaseLog, ProviderCase, ProviderContract, ProviderSupports } from './provider-case.ts';
import { providerCases } from './provider-cases.ts';
import { Stage } from './stage.ts';

/**
 * Binds the provider suite to vitest: one test per case, each with a service, a log and servers of its own that are disposed of whatever happens.
 * The suite's title says how many cases were left out for want of what.
 */
export function describeProviderContract(contract: ProviderContract): void {
  const { name, supports } = contract;
  const applicable = providerCases.filter((each) => isApplicable(each, supports));
  describe(`${name}: the provider (${skipsOf(supports)})`, () => {
    for (const each of applicable) it(`${each.title} (${each.id})`, () => runProviderCase(contract, each));
  });
}

/** Runs one case, with everything it needs. */
export async function runProviderCase(contract: ProviderContract, providerCase: ProviderCase): Promise<void> {
  const { log, dispose } = await (contract.createLog ?? inMemory)();
  try {
    const harness = await contract.createHarness();
    const stage = await Stage.start(harness, log, providerCase.server);
    try {
      await providerCase.run(stage);
    } finally {
      await stage.dispose();
    }
  } finally {
    await dispose();
  }
}

/** Whether a provider with this manifest has to pass the case. */
export function isApplicable({ requires = [], lacks = [] }: ProviderCase, supports: ProviderSupports): boolean {
  return requires.every((need) => supports[need]) && !lacks.some((lack) => supports[lack]);
}

function skipsOf(supports: ProviderSupports): string {
  const counts = new Map<string, number>();
  for (const { requires = [], lacks = [] } of providerCases) {
    for (const need of requires) if (!supports[need]) count(counts, `without ${need}`);
    for (const lack of lacks) if (supports[lack]) count(counts, `with ${lack}`);
  }
  const skips = [...counts].map(([why, number]) => `${number} left out ${why}`);
  return skips.length > 0 ? skips.join(', ') : 'none left out';
}

function count(counts: Map<string, number>, why: string): void {
  counts.set(why, (counts.get(why) ?? 0) + 1);
}

function inMemory(): CaseLog {
  const log = memoryLog({ allowServerless: true });
  return { log, dispose: () => log.close() };
}
