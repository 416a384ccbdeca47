// Runs test files many times and prints how often each passed: `pnpm many-runs 20 e2e/contract.test.ts`, without files the unit tests.
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** What vitest reports as JSON, as far as it is read here. */
interface TestReport {
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly assertionResults: readonly { readonly fullName: string; readonly status: string }[];
  }[];
}

const [runs = '20', ...files] = process.argv.slice(2);
const folder = dirname(import.meta.dirname);
const vitest = join(dirname(createRequire(import.meta.url).resolve('vitest/package.json')), 'vitest.mjs');

async function runOnce(file: string): Promise<TestReport> {
  const config = files.length > 0 ? 'vitest.e2e.config.ts' : 'vitest.config.ts';
  const parameters = [vitest, 'run', `--config=${config}`, '--reporter=json', `--outputFile=${file}`, ...files];
  // Its exit code says whether tests failed, and the report says which. A run without a report fails at the next line.
  await new Promise<void>((resolve) => {
    execFile(process.execPath, parameters, { cwd: folder, maxBuffer: Number.POSITIVE_INFINITY }, () => resolve());
  });
  const report = JSON.parse(await readFile(file, 'utf8')) as TestReport;
  await rm(file);
  return report;
}

const output = await mkdtemp(join(tmpdir(), 'fanout-runs-'));
const failures = new Map<string, number>();
let [passedRuns, passedTests] = [0, 0];
for (let run = 1; run <= Number(runs); run += 1) {
  const startedAt = performance.now();
  const { testResults } = await runOnce(join(output, 'report.json'));
  const tests = testResults.flatMap(({ assertionResults }) => assertionResults);
  // A file that cannot be loaded has no tests to fail.
  const broken = testResults.filter(
    ({ status, assertionResults }) => status !== 'passed' && assertionResults.length === 0,
  );
  const failed = [
    ...tests.filter(({ status }) => status === 'failed').map(({ fullName }) => fullName),
    ...broken.map(({ name }) => name),
  ];
  for (const name of failed) failures.set(name, (failures.get(name) ?? 0) + 1);
  if (failed.length === 0 && tests.length > 0) passedRuns += 1;
  passedTests += tests.filter(({ status }) => status === 'passed').length;
  const seconds = Math.round((performance.now() - startedAt) / 1000);
  process.stdout.write(`run ${run}: ${tests.length - failed.length} of ${tests.length} tests, ${seconds} s\n`);
}
await rm(output, { recursive: true });
process.stdout.write(`${passedRuns} of ${runs} runs passed, ${passedTests} tests in all\n`);
for (const [name, count] of failures) process.stdout.write(`failed ${count} times: ${name}\n`);
if (passedRuns !== Number(runs)) process.exitCode = 1;
