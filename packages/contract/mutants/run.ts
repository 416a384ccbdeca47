// Runs every mutant, or those whose ids are named, two at a time. `--thorough` runs all other cases against each as well.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { mutants } from './mutants.ts';
import { mutated } from './mutate.ts';

const names = process.argv.slice(2);
const isThorough = names.includes('--thorough');
const wanted = names.filter((name) => name !== '--thorough');
const chosen = mutants.filter(({ id }) => wanted.length === 0 || wanted.includes(id));
const folder = join(import.meta.dirname, '..');
const problems: string[] = [];
const killers = new Set<string>();

function run(id: string): Promise<{ code: number | null; output: string }> {
  return new Promise((resolve) => {
    const child = spawn(
      process.execPath,
      [join(folder, 'node_modules/vitest/vitest.mjs'), 'run', '--config', 'vitest.mutants.config.ts', '--no-color'],
      { cwd: folder, env: { ...process.env, MUTANT: id, THOROUGH: isThorough ? '1' : '0' } },
    );
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (text) => {
        output += text;
      });
    }
    child.on('close', (code) => resolve({ code, output }));
  });
}

async function work(): Promise<void> {
  for (let mutant = chosen.pop(); mutant; mutant = chosen.pop()) {
    const { code, output } = await run(mutant.id);
    process.stdout.write(`${code === 0 ? 'killed  ' : 'SURVIVED'} ${mutant.id} by ${mutant.killedBy}\n`);
    for (const line of output.split('\n').filter((text) => text.startsWith('{"mutant"'))) {
      const { failed, cases } = JSON.parse(line) as { failed: string[]; cases: number };
      process.stdout.write(`         fails ${failed.length} of ${cases}: ${failed.join(' ')}\n`);
      for (const each of failed) killers.add(each);
    }
    if (code !== 0) problems.push(`${mutant.id}\n${output}`);
  }
}

chosen.reverse();
for (const mutant of chosen) mutated(mutant);
const count = chosen.length;
await Promise.all([work(), work()]);
for (const problem of problems) process.stderr.write(`\n${problem}\n`);
process.stdout.write(`${count - problems.length} of ${count} mutants killed\n`);
if (isThorough) process.stdout.write(`${killers.size} cases kill at least one\n`);
if (problems.length > 0 || count === 0) process.exitCode = 1;
