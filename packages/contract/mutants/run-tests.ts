// Runs the packages' own tests against mistakes in their source: each mutant, or those whose ids are named, must fail its test.
import { readFileSync } from 'node:fs';
import { join, sep } from 'node:path';
import { startVitest, type TestCase, type Vitest } from 'vitest/node';
import { type TestMutant, testMutants } from './test-mutants.ts';

const root = join(import.meta.dirname, '../../..');
const names = process.argv.slice(2);
const chosen = testMutants.filter(({ id }) => names.length === 0 || names.includes(id));
/** How long a test may take with its mistake, in milliseconds: one that hangs has failed. */
const testTimeout = 20_000;
/** How many mutants run at a time: most of each one's time is the start of its test process. */
const atOnce = 2;

/** The mutant's file with its mistake. @throws Error when its place is gone, or there are two: then the mutant must be written anew. */
function mutated({ id, file, find, replace }: TestMutant): string {
  const text = readFileSync(join(root, file), 'utf8');
  const count = text.split(find).length - 1;
  if (count !== 1) throw new Error(`Mutant ${id}: its place is ${count} times in ${file}.`);
  return text.replace(find, () => replace);
}

/** Runs the mutant's test. Answers what is wrong with the mutant, if anything is. */
async function problemOf(mutant: TestMutant): Promise<string | undefined> {
  const text = mutated(mutant);
  const [folder, kind] = [mutant.test.split('/').slice(0, 2).join(sep), mutant.test.split('/')[2]];
  let isLoaded = false;
  const plugin = {
    name: 'mutate',
    enforce: 'pre' as const,
    load(id: string): string | undefined {
      if (id.split('?')[0] !== join(root, mutant.file)) return undefined;
      isLoaded = true;
      return text;
    },
  };
  const vitest = await startVitest(
    'test',
    [join(root, mutant.test)],
    {
      root: join(root, folder),
      config: join(root, folder, kind === 'e2e' ? 'vitest.e2e.config.ts' : 'vitest.config.ts'),
      ...{ watch: false, run: true, testTimeout, fsModuleCache: false, reporters: [{}] },
      ...{
        testNamePattern: mutant.title.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'),
        dangerouslyIgnoreUnhandledErrors: true,
      },
    },
    { plugins: [plugin] },
  );
  try {
    const ran = testsOf(vitest).filter((test) => test.result().state !== 'skipped');
    if (!isLoaded) return `${mutant.test} does not load ${mutant.file}.`;
    if (ran.length === 0)
      return `No test of ${mutant.test} has "${mutant.title}" in its title, or the file cannot be loaded.`;
    return ran.some((test) => test.result().state === 'failed')
      ? undefined
      : `"${mutant.title}" passed with the mutant.`;
  } finally {
    await vitest.close();
  }
}

function testsOf(vitest: Vitest): TestCase[] {
  return vitest.state.getTestModules().flatMap(({ children }) => [...children.allTests()]);
}

const problems: string[] = [];
const queue = [...chosen];

async function work(): Promise<void> {
  for (let mutant = queue.shift(); mutant; mutant = queue.shift()) {
    const problem = await problemOf(mutant);
    process.stdout.write(`${problem ? 'NOT KILLED' : 'killed'}  ${mutant.id}  by "${mutant.title}"\n`);
    if (problem) problems.push(`${mutant.id}: ${problem}`);
  }
}

await Promise.all(Array.from({ length: atOnce }, work));
process.stdout.write(
  `\n${chosen.length - problems.length} of ${chosen.length} mutants killed by the packages' own tests\n`,
);
for (const problem of problems) process.stderr.write(`\n${problem}\n`);
// Vitest has set it for each test that failed, which was what was wanted.
process.exitCode = problems.length > 0 || chosen.length === 0 ? 1 : 0;
