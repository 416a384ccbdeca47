import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { mutants } from '../mutants/mutants.ts';

/** What vitest reports of one test as JSON, as far as it is read here. */
interface TestResult {
  /** The groups that the test is in; one is the mutant. */
  readonly ancestorTitles: readonly string[];
  readonly fullName: string;
  readonly status: string;
}

let results: readonly TestResult[];
beforeAll(async () => {
  results = await unitTestsOfMutants();
}, 600_000);

test.each(mutants)('the unit tests notice the mistake $id', ({ id, killedBy }) => {
  const own = results.filter(({ ancestorTitles }) => ancestorTitles.includes(id));
  const failed = own.filter(({ status }) => status === 'failed').map(({ fullName }) => fullName.replace(`${id} `, ''));
  expect(failed.filter((name) => name.startsWith(killedBy))).not.toEqual([]);
  // A mistake that breaks everything would say nothing about a test.
  expect(failed.length).toBeLessThan(own.length / 2);
});

async function unitTestsOfMutants(): Promise<TestResult[]> {
  const vitest = join(dirname(createRequire(import.meta.url).resolve('vitest/package.json')), 'vitest.mjs');
  const output = await mkdtemp(join(tmpdir(), 'fanout-mutants-'));
  try {
    const file = join(output, 'report.json');
    const parameters = [vitest, 'run', '--config=vitest.mutants.config.ts', '--reporter=json', `--outputFile=${file}`];
    // Its exit code says that tests fail, as they must. A run without a report fails at the next line.
    await new Promise<void>((resolve) => {
      execFile(process.execPath, parameters, { cwd: dirname(import.meta.dirname) }, () => resolve());
    });
    const report = JSON.parse(await readFile(file, 'utf8')) as {
      testResults: readonly { readonly assertionResults: readonly TestResult[] }[];
    };
    return report.testResults.flatMap(({ assertionResults }) => assertionResults);
  } finally {
    await rm(output, { recursive: true, force: true });
  }
}
