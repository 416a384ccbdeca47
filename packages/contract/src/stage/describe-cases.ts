import { memoryLog } from '@chat-transport/core/memory';
import { describe, it } from 'vitest';
import type { CaseLog, ProviderCase, ProviderContract, ProviderSupports } from './provider-case.ts';
import { Stage } from './stage.ts';

/** One test per case that applies. The title says how many were left out for want of what. */
export function describeCases(contract: ProviderContract, what: string, cases: readonly ProviderCase[]): void {
  const { name, supports } = contract;
  describe(`${name}: ${what} (${skipsOf(cases, supports)})`, () => {
    for (const each of cases)
      if (isApplicable(each, supports)) it(`${each.title} (${each.id})`, () => runProviderCase(contract, each));
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

function skipsOf(cases: readonly ProviderCase[], supports: ProviderSupports): string {
  const counts = new Map<string, number>();
  for (const { requires = [], lacks = [] } of cases) {
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
