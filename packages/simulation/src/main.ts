import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { type Edition, newestEdition } from './faults.ts';
import { mutants } from './mutants.ts';
import { jsonReport, textReport } from './report.ts';
import { type Progress, runMany } from './run-many.ts';
import { runSeed, type SeedResult } from './run-seed.ts';

const usage = `pnpm simulate [--seeds N] [--first N] [--json] [--workers N] [--keep-going] [--edition N]
pnpm simulate --trace SEED [--edition N]  one seed, with everything that happened
pnpm simulate --mutants [ID …]    breaks core on purpose; each break must fail within --seeds (2000) seeds`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seeds: { type: 'string' },
    first: { type: 'string', default: '1' },
    json: { type: 'boolean', default: false },
    workers: { type: 'string' },
    'keep-going': { type: 'boolean', default: false },
    trace: { type: 'string' },
    edition: { type: 'string', default: String(newestEdition) },
    mutants: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

const print = (text: string): void => void process.stdout.write(`${text}\n`);
const count = (name: string, text: string): number => {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 0) return value;
  process.stderr.write(`--${name} must be a whole number; it is "${text}".\n${usage}\n`);
  return process.exit(2);
};
const workers = values.workers === undefined ? availableParallelism() : Math.max(1, count('workers', values.workers));
const first = count('first', values.first);
const edition = count('edition', values.edition) as Edition;

if (values.help) print(usage);
else if (values.trace !== undefined) await traceOne(count('trace', values.trace));
else if (values.mutants) await killMutants(count('seeds', values.seeds ?? '2000'));
else await simulate(count('seeds', values.seeds ?? '1000'));

async function simulate(seeds: number): Promise<void> {
  const stopAfter = values['keep-going'] ? Number.POSITIVE_INFINITY : 1;
  const onProgress = values.json ? () => {} : showProgress;
  const result = await runMany({ first, seeds, workers, stopAfter, edition, onProgress });
  const [failing] = result.failed;
  const trace = failing && (await runSeed(failing.seed, { isVerbose: true, edition })).trace;
  print(values.json ? JSON.stringify(jsonReport(result, trace)) : textReport(result, trace));
  if (result.failed.length > 0) process.exitCode = 1;
}

async function traceOne(seed: number): Promise<void> {
  const result = await runSeed(seed, { isVerbose: true, edition });
  print(values.json ? JSON.stringify(result) : [...result.trace, ...result.failures].join('\n'));
  if (result.failures.length > 0) process.exitCode = 1;
}

async function killMutants(seeds: number): Promise<void> {
  const chosen = mutants.filter(({ id }) => positionals.length === 0 || positionals.includes(id));
  const outcomes: { id: string; killedBy: number | undefined; seeds: number; why: string | undefined }[] = [];
  for (const { id } of chosen) {
    const { failed, seedsRun } = await runMany({ first, seeds, workers, stopAfter: 1, mutant: id });
    // A seed that fails without the break says nothing about it.
    let kill: SeedResult | undefined;
    for (const result of failed) if (!kill && (await runSeed(result.seed)).failures.length === 0) kill = result;
    outcomes.push({ id, killedBy: kill?.seed, seeds: seedsRun, why: kill?.failures[0]?.split('\n')[0] });
    if (!values.json)
      print(
        `${kill ? 'killed  ' : 'SURVIVED'} ${id.padEnd(34)} ${kill ? `seed ${kill.seed}: ${outcomes.at(-1)?.why}` : ''}`,
      );
  }
  if (values.json) print(JSON.stringify({ mutants: outcomes }));
  if (outcomes.some(({ killedBy }) => killedBy === undefined)) process.exitCode = 1;
}

function showProgress({ seedsRun, failed, elapsedMs }: Progress): void {
  if (process.stderr.isTTY)
    process.stderr.write(`\r${seedsRun} seeds, ${failed} failed, ${Math.round((seedsRun / elapsedMs) * 1000)}/s `);
}
