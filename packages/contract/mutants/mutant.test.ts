import { memoryLog } from '@chat-transport/core/memory';
import { defaultRetentionMs } from '@chat-transport/core/provider';
import { expect, inject, it } from 'vitest';
import type { LogHarness } from '../src/log/log-case.ts';
import { runLogCases } from '../src/log/log-cases.ts';
import { isApplicable, runProviderCase } from '../src/provider/describe-provider-contract.ts';
import { providerCases } from '../src/provider/provider-cases.ts';
import { mutants } from './mutants.ts';

const id = inject('mutant');
const isThorough = inject('thorough');

/** Every case that the provider of the page and `memoryLog` have to pass, by its name. */
async function allCases(): Promise<Map<string, () => Promise<void>>> {
  const { contract } = await import('../../../docs/writing-a-provider.md');
  const cases = new Map<string, () => Promise<void>>();
  for (const each of providerCases)
    if (isApplicable(each, contract.supports)) cases.set(each.id, () => runProviderCase(contract, each));
  for (const each of runLogCases)
    if (!each.requires?.some((need) => need !== 'clock')) cases.set(`log:${each.id}`, () => withLog(each.run));
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

/** How long a case may hang before it counts as failed: longer than what it waits for by itself, with all its steps. */
const hangMs = 9_000;

function failureOf(run: () => Promise<void>): Promise<string | undefined> {
  const hanging = new Promise<string>((resolve) => {
    setTimeout(() => resolve(`It hung for ${hangMs} ms.`), hangMs).unref();
  });
  const outcome = run().then(
    () => undefined,
    (error: unknown) => String(error),
  );
  return Promise.race([outcome, hanging]);
}

// What a broken server rejects in the background is the mutant's, and no failure of this test.
process.on('unhandledRejection', () => {});

it(`is killed: ${id}`, async () => {
  const mutant = mutants.find((each) => each.id === id);
  const cases = await allCases();
  const run = cases.get(mutant?.killedBy ?? '');
  if (!run) throw new Error(`There is no case ${mutant?.killedBy}.`);
  expect(await failureOf(run), `${mutant?.killedBy} passed with the mutant`).toBeDefined();
  expect((globalThis as { loadedMutant?: string }).loadedMutant).toBe(id);
});

it.runIf(isThorough)(`passes most of the others: ${id}`, { timeout: 600_000 }, async () => {
  const cases = await allCases();
  const failed: string[] = [];
  for (const [name, run] of cases) if (await failureOf(run)) failed.push(name);
  process.stdout.write(`${JSON.stringify({ mutant: id, cases: cases.size, failed })}\n`);
  expect(failed.length).toBeLessThanOrEqual(0.2 * cases.size);
});
