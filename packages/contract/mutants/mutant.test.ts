import { expect, inject, it, onTestFailed } from 'vitest';
import { mutants } from './mutants.ts';

const ids = inject('mutants');
const isThorough = inject('thorough');

type Cases = ReadonlyMap<string, () => Promise<void>>;

/** Every case in the world of a mutant, or in ours. */
async function casesOf(id: string): Promise<Cases> {
  const { allCases } = (await import(
    id ? `./all-cases.ts?mutant=${id}` : './all-cases.ts'
  )) as typeof import('./all-cases.ts');
  return allCases();
}

/** Tells mutants/run.ts. */
function tell(outcome: object): void {
  process.stdout.write(`\n${JSON.stringify(outcome)}\n`);
}

/** How long a case may hang before it counts as failed, in milliseconds: longer than what it waits for by itself. */
const hangMs = 6_000;
/** How many cases run beside each other: they wait more than they work. */
const lanes = 8;

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

/** Cases that keep the processor busy or measure time. */
const isBusy = (name: string) => /^(slow|size)\/|^delivery\/(first-word|rate)$/.test(name);
/** Cases that play a browser's page change what all others see of it. */
const isPage = (name: string) => name.startsWith('page/');

/** The names of the cases that fail: the busy ones each alone, behind all others. */
async function failing(cases: Cases): Promise<string[]> {
  const names = [...cases.keys()];
  const failed: string[] = [];
  const once = async (name: string): Promise<boolean> =>
    (await failureOf(cases.get(name) as () => Promise<void>)) !== undefined;
  // Another process may have kept the processor from a busy one.
  const fails = async (name: string): Promise<boolean> => (await once(name)) && (!isBusy(name) || once(name));
  const runEach = async (queue: string[][]): Promise<void> => {
    for (let next = queue.shift(); next; next = queue.shift())
      for (const name of next) if (await fails(name)) failed.push(name);
  };
  const others = names.filter((name) => !isBusy(name) && !isPage(name)).map((name) => [name]);
  const queue = [names.filter(isPage), ...others];
  await Promise.all(Array.from({ length: lanes }, () => runEach(queue)));
  await runEach([names.filter(isBusy)]);
  return failed;
}

// What a broken server rejects in the background is the mutant's, and no failure of this test.
process.on('unhandledRejection', () => {});

/** How long one mutant may take, in milliseconds: most of it is the loading of the packages, which a slow machine does for minutes. */
const limitMs = 180_000;

it.each(ids)('is killed: %s', { timeout: limitMs }, async (id) => {
  onTestFailed(({ task }) => {
    const isOutOfTime = task.result?.errors?.some(({ message }) => message.includes('timed out'));
    tell(isOutOfTime ? { outOfTime: id } : { survived: id });
  });
  const mutant = mutants.find((each) => each.id === id);
  const cases = await casesOf(id);
  const run = cases.get(mutant?.killedBy ?? '');
  if (!run) throw new Error(`There is no case ${mutant?.killedBy}.`);
  const failure = await failureOf(run);
  expect((globalThis as { loadedMutants?: Set<string> }).loadedMutants).toContain(id);
  expect(failure, `${mutant?.killedBy} passed with the mutant`).toBeDefined();
  tell({ killed: id });
});

it.runIf(isThorough).each(ids.length > 0 ? ids : [''])('all cases with %s', { timeout: 600_000 }, async (id) => {
  const cases = await casesOf(id);
  tell({ ran: id, cases: [...cases.keys()], failed: await failing(cases) });
});
