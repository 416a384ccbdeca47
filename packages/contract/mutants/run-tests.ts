// Runs the packages' own tests against mistakes in their source: each mutant, or those whose ids are named, must fail its test.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createVitest, type Vitest } from 'vitest/node';
import { type TestMutant, testMutants } from './test-mutants.ts';

const root = join(import.meta.dirname, '../../..');
const names = process.argv.slice(2);
const chosen = testMutants.filter(({ id }) => names.length === 0 || names.includes(id));
/** How long a test may take with its mistake, in milliseconds: one that hangs has failed. */
const testTimeout = 20_000;
/** How many mutants run at a time: most of their tests wait for what does not come. */
const atOnce = 4;

/** What a runner has in the place of a file. */
interface Mistake {
  /** Empty: every file is as it is. */
  file: string;
  text: string;
  /** Whether the test has loaded it. */
  isLoaded: boolean;
}

/** The mutant's file with its mistake. @throws Error when its place is gone, or there are two: then the mutant must be written anew. */
function mutated({ id, file, find, replace }: TestMutant): string {
  const text = readFileSync(join(root, file), 'utf8');
  const count = text.split(find).length - 1;
  if (count !== 1) throw new Error(`Mutant ${id}: its place is ${count} times in ${file}.`);
  return text.replace(find, () => replace);
}

/** Tests of one configuration, with one mistake at a time in their source. A runner is started once: that takes longer than most tests. */
class Runner {
  readonly #vitest: Vitest;
  readonly #mistake: Mistake;

  private constructor(vitest: Vitest, mistake: Mistake) {
    this.#vitest = vitest;
    this.#mistake = mistake;
  }

  static async start(folder: string, config: string): Promise<Runner> {
    const mistake: Mistake = { file: '', text: '', isLoaded: false };
    const plugin = {
      name: 'mutate',
      enforce: 'pre' as const,
      load(id: string): string | undefined {
        if (id.split('?')[0] !== mistake.file) return undefined;
        mistake.isLoaded = true;
        return mistake.text;
      },
    };
    const options = {
      watch: false,
      testTimeout,
      fsModuleCache: false,
      reporters: [{}],
      dangerouslyIgnoreUnhandledErrors: true,
    };
    const vitest = await createVitest('test', { root: folder, config, ...options }, { plugins: [plugin] });
    return new Runner(vitest, mistake);
  }

  /** Runs the mutant's test. Answers what is wrong with the mutant, if anything is. */
  async problemOf(mutant: TestMutant): Promise<string | undefined> {
    const file = join(root, mutant.file);
    Object.assign(this.#mistake, { file, text: mutated(mutant), isLoaded: false });
    this.#vitest.invalidateFile(file);
    this.#vitest.setGlobalTestNamePattern(mutant.title.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
    const test = join(root, mutant.test);
    const { testModules } = await this.#vitest.runTestSpecifications(await this.#vitest.globTestSpecifications([test]));
    const ran = testModules
      // The runner still knows the modules of earlier runs.
      .filter(({ moduleId }) => moduleId === test)
      .flatMap(({ children }) => [...children.allTests()])
      .filter((test) => test.result().state !== 'skipped');
    // The next test gets the file as it is.
    this.#mistake.file = '';
    this.#vitest.invalidateFile(file);
    if (!this.#mistake.isLoaded) return `${mutant.test} does not load ${mutant.file}.`;
    if (ran.length === 0)
      return `No test of ${mutant.test} has "${mutant.title}" in its title, or the file cannot be loaded.`;
    return ran.some((test) => test.result().state === 'failed')
      ? undefined
      : `"${mutant.title}" passed with the mutant.`;
  }

  close(): Promise<void> {
    return this.#vitest.close();
  }
}

const problems: string[] = [];
// Those of one package are behind each other: a runner that changes its package is started anew.
const queue = chosen.toSorted((one, other) => one.test.localeCompare(other.test));

async function work(): Promise<void> {
  let runner: Runner | undefined;
  let started = '';
  for (let mutant = queue.shift(); mutant; mutant = queue.shift()) {
    const [packages = '', name = '', kind] = mutant.test.split('/');
    const folder = join(root, packages, name);
    const config = join(folder, kind === 'e2e' ? 'vitest.e2e.config.ts' : 'vitest.config.ts');
    if (!runner || started !== config) {
      await runner?.close();
      runner = await Runner.start(folder, config);
      started = config;
    }
    const problem = await runner.problemOf(mutant);
    process.stdout.write(`${problem ? 'NOT KILLED' : 'killed'}  ${mutant.id}  by "${mutant.title}"\n`);
    if (problem) problems.push(`${mutant.id}: ${problem}`);
  }
  await runner?.close();
}

await Promise.all(Array.from({ length: atOnce }, work));
process.stdout.write(
  `\n${chosen.length - problems.length} of ${chosen.length} mutants killed by the packages' own tests\n`,
);
for (const problem of problems) process.stderr.write(`\n${problem}\n`);
// Vitest has set it for each test that failed, which was what was wanted.
process.exitCode = problems.length > 0 || chosen.length === 0 ? 1 : 0;
