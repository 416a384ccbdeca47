// Runs every mutant, or those whose ids are named, and says which case killed it. `--thorough` runs all other cases against each as well.
import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { isDeepStrictEqual } from 'node:util';
import type { Mutant } from './mutant.ts';
import { mutants } from './mutants.ts';
import { mutated } from './mutate.ts';

/** Of the cases that a mutant is not made for, so many must pass: then a case that fails says what is broken. */
const leastPassing = 0.8;

const names = process.argv.slice(2);
const isThorough = names.includes('--thorough');
const wanted = names.filter((name) => name !== '--thorough');
const chosen = mutants.filter(({ id }) => wanted.length === 0 || wanted.includes(id));
const folder = join(import.meta.dirname, '..');
/** How many mutants share a process: what a broken world leaves behind is left to the next ones. */
const batch = 8;
/** How many of a process's last lines are shown where a mutant was not killed. */
const keptLines = 200;
/** How long a process may take, in milliseconds: a mutant may keep it from ever ending. Far above what a slow machine needs. */
const limitMs = 600_000;
const thoroughLimitMs = 900_000;

/** What became of a mutant. */
interface Outcome {
  readonly isKilled: boolean;
  /** Whether its test, or its process, was ended before its case was. */
  readonly isOutOfTime: boolean;
  /** With `--thorough` only. */
  readonly cases: readonly string[];
  readonly failed: readonly string[];
}

/** A line that the tests tell. */
type Told =
  | { readonly killed: string }
  | { readonly survived: string }
  | { readonly outOfTime: string }
  | ({ readonly ran: string } & Pick<Outcome, 'cases' | 'failed'>);

const outcomes = new Map<string, Outcome>();
const problems: string[] = [];

/** Runs mutants in one process, one after the other; none is as well as all is. */
function run(ids: readonly string[]): Promise<void> {
  return new Promise((resolve) => {
    const child = spawn(
      process.execPath,
      [join(folder, 'node_modules/vitest/vitest.mjs'), 'run', '--config', 'vitest.mutants.config.ts', '--no-color'],
      { cwd: folder, env: { ...process.env, MUTANTS: ids.join(' '), THOROUGH: isThorough ? '1' : '0' } },
    );
    const told: Told[] = [];
    const lastLines: string[] = [];
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => {
        if (/^\{"(killed|survived|outOfTime|ran)":/.test(line)) told.push(JSON.parse(line) as Told);
        // What is broken may print for ever.
        if (lastLines.push(line) > keptLines) lastLines.shift();
      });
    }
    let isStopped = false;
    const stop = (): void => {
      isStopped = child.kill('SIGKILL');
    };
    const timer = setTimeout(stop, isThorough ? thoroughLimitMs : limitMs);
    child.on('close', () => {
      clearTimeout(timer);
      for (const id of ids.length > 0 ? ids : ['']) {
        const ran = told.find((each) => 'ran' in each && each.ran === id) as Outcome | undefined;
        const has = (outcome: object): boolean => told.some((each) => isDeepStrictEqual(each, outcome));
        const isKilled = has({ killed: id }) && (!isThorough || !!ran);
        const isOutOfTime = !isKilled && (has({ outOfTime: id }) || (isStopped && !has({ survived: id })));
        outcomes.set(id, { isKilled, isOutOfTime, cases: ran?.cases ?? [], failed: ran?.failed ?? [] });
        const problem = isOutOfTime ? 'ran out of time' : 'was not killed';
        if (!isKilled && id) problems.push(`${id} ${problem}:\n${lastLines.join('\n')}`);
      }
      process.stderr.write(`${outcomes.size} of ${chosen.length}: ${ids.join(' ')}\n`);
      resolve();
    });
  });
}

async function work(): Promise<void> {
  while (queue.length > 0) await run(queue.splice(0, isThorough ? 1 : batch));
}

function passingOthers({ killedBy }: Mutant, { cases, failed }: Outcome): number {
  const others = cases.filter((name) => name !== killedBy);
  return others.filter((name) => !failed.includes(name)).length / others.length;
}

function printTable(): void {
  const rows = [['mutant', 'killed by', ...(isThorough ? ['others passed', 'others that fail'] : [])]];
  for (const mutant of chosen) {
    const outcome = outcomes.get(mutant.id) as Outcome;
    const row = [mutant.id, outcome.isKilled ? mutant.killedBy : outcome.isOutOfTime ? 'OUT OF TIME' : 'NOTHING'];
    if (isThorough) {
      const passing = passingOthers(mutant, outcome);
      row.push(`${Math.floor(100 * passing)} %`, outcome.failed.filter((name) => name !== mutant.killedBy).join(' '));
      if (!(passing >= leastPassing)) problems.push(`${mutant.id} fails too much: ${outcome.failed.join(' ')}`);
    }
    rows.push(row);
  }
  const widths = [0, 1, 2].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  for (const row of rows) process.stdout.write(`${row.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join('  ')}\n`);
}

for (const mutant of chosen) mutated(mutant);
const queue = chosen.map(({ id }) => id);
if (isThorough) {
  await run([]);
  const { failed, cases } = outcomes.get('') as Outcome;
  outcomes.delete('');
  if (failed.length > 0 || cases.length === 0) problems.push(`Fail without a mutant: ${failed.join(' ')}`);
}
// One more than there are processors: a case waits now and then.
await Promise.all(Array.from({ length: availableParallelism() + (isThorough ? 0 : 1) }, work));
printTable();
if (isThorough) {
  const cases = new Set([...outcomes.values()].flatMap((outcome) => outcome.cases));
  const killers = new Set([...outcomes.values()].flatMap(({ failed }) => failed));
  const idle = [...cases].filter((name) => !killers.has(name));
  process.stdout.write(`\n${idle.length} of ${cases.size} cases kill no mutant: ${idle.join(' ')}\n`);
}
const killed = [...outcomes.values()].filter(({ isKilled }) => isKilled).length;
process.stdout.write(`\n${killed} of ${chosen.length} mutants killed\n`);
for (const problem of problems) process.stderr.write(`\n${problem}\n`);
if (problems.length > 0 || chosen.length === 0) process.exitCode = 1;
