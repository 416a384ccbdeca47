// Runs the tests that are named with every mutant, or with those whose ids are given, and says which test killed it. The runner of
// `packages/contract` loads what stands on its own; these tests need a database and Realtime, so each mutant has a process of its own.
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Mutant, mutants } from './mutants.ts';

/** How long one run may take, in milliseconds: a mutant may keep a test waiting until the test's own limit. */
const limitMs = 300_000;
const root = join(import.meta.dirname, '../../..');

interface Report {
  readonly testResults: readonly {
    readonly assertionResults: readonly { readonly fullName: string; readonly status: string }[];
  }[];
}

/** What became of the tests with a mutant's title. */
async function outcomesOf({ id, suite: [folder, file], killedBy }: Mutant): Promise<string[]> {
  const reports = await mkdtemp(join(tmpdir(), 'mutants-'));
  const reportPath = join(reports, 'report.json');
  const child = spawn(
    process.execPath,
    [
      ...[join(root, 'node_modules/vitest/vitest.mjs'), 'run', `test/${file}`, '--no-color'],
      ...['--reporter=json', `--outputFile=${reportPath}`],
      ...['--config', join(import.meta.dirname, '../vitest.mutants.config.ts'), '--root', '.'],
      ...['-t', killedBy.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')],
    ],
    { cwd: join(root, 'packages', folder), env: { ...process.env, MUTANT: id } },
  );
  const timer = setTimeout(() => child.kill('SIGKILL'), limitMs);
  let [output, errors] = ['', ''];
  child.stdout.on('data', (data) => {
    output += data;
  });
  child.stderr.on('data', (data) => {
    errors += data;
  });
  await new Promise((resolve) => child.on('close', resolve));
  clearTimeout(timer);
  const json = await readFile(reportPath, 'utf8').catch(() => undefined);
  await rm(reports, { recursive: true });
  if (!json) throw new Error(`${id}: no report.\n${output}\n${errors}`);
  const { testResults }: Report = JSON.parse(json);
  return testResults
    .flatMap(({ assertionResults }) => assertionResults)
    .filter(({ fullName }) => fullName.includes(killedBy))
    .map(({ status }) => status);
}

// `--thorough` is for the other runner.
const wanted = process.argv.slice(2).filter((name) => !name.startsWith('--'));
const chosen = mutants.filter(({ id }) => wanted.length === 0 || wanted.includes(id));
let killed = 0;
for (const mutant of chosen) {
  const outcomes = await outcomesOf(mutant);
  const isKilled = outcomes.join() === 'failed';
  killed += Number(isKilled);
  const outcome = isKilled ? mutant.killedBy : `NOTHING (${outcomes})`;
  process.stdout.write(`${mutant.id.padEnd(48)} ${outcome}\n`);
}
process.stdout.write(`\n${killed} of ${chosen.length} mutants killed\n`);
if (killed < chosen.length) process.exitCode = 1;
