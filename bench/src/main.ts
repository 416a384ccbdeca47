// `pnpm bench`, `pnpm -s bench --json`, `--only <measure>` (repeatable), `--rounds <n>`, `--strict` (a missed goal is exit code 1).
import { cpus, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { Bench } from './bench.ts';
import { judge } from './goals.ts';
import { measures } from './measures/index.ts';
import { goalsTable, resultsTable } from './report.ts';
import { Results } from './results.ts';
import { summarize } from './statistics.ts';

const { values: options } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    strict: { type: 'boolean', default: false },
    only: { type: 'string', multiple: true, default: Object.keys(measures) },
    rounds: { type: 'string', default: '5' },
  },
});
const rounds = Number(options.rounds);
const unknown = options.only.find((name) => !measures[name]);
if (unknown !== undefined || !Number.isInteger(rounds) || rounds < 1) {
  console.error(`--only takes ${Object.keys(measures).join(', ')}; --rounds a whole number, 1 or more.`);
  process.exit(2);
}

const startedAt = performance.now();
const loadBefore = loadavg()[0] ?? 0;
const results = new Results();
const bench = new Bench({ rounds, results });
try {
  for (const name of options.only) {
    console.error(`${((performance.now() - startedAt) / 1000).toFixed(0).padStart(4)} s  ${name}`);
    await measures[name]?.(bench);
  }
} finally {
  await bench.close();
}

const verdicts = judge(results);
const machine = {
  node: process.version,
  processor: cpus()[0]?.model ?? 'unknown',
  cores: cpus().length,
  loadBefore,
  loadAfter: loadavg()[0] ?? 0,
  rounds,
  seconds: Math.round((performance.now() - startedAt) / 1000),
};
if (options.json) {
  const numbers = results.all().map((result) => ({ ...result, ...summarize(result.rounds) }));
  const goals = verdicts.map(({ goal, measured, met }) => ({ ...goal, measured, met }));
  console.log(JSON.stringify({ machine, results: numbers, goals }, null, 2));
} else {
  const { node, processor, cores, loadAfter, seconds } = machine;
  console.log(
    `Node ${node}, ${cores} × ${processor}, load ${loadBefore} before and ${loadAfter} after, ${rounds} rounds, ${seconds} s\n`,
  );
  console.log(`${resultsTable(results)}\n\n${goalsTable(verdicts)}`);
}
// What a contestant's client keeps open (a pooled connection, a poll) is not waited for.
process.exit(options.strict && verdicts.some(({ met }) => !met) ? 1 : 0);
