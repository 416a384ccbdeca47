import type { Verdict } from './goals.ts';
import type { Results } from './results.ts';
import { type Summary, summarize } from './statistics.ts';

/** All numbers as a table in Markdown. */
export function resultsTable(results: Results): string {
  const rows = results.all().map((result) => {
    const { measure, metric, unit, contestant, reference = 'stock-sse', rounds } = result;
    const ratio = results.ratio(measure, metric, contestant, reference);
    return [
      measure,
      metric,
      contestant,
      `${withSpread(summarize(rounds))} ${unit}`,
      contestant === reference ? '1' : ratio ? withSpread(ratio) : '–',
    ];
  });
  return table(['measure', 'number', 'contestant', 'median (lowest–highest round)', 'ratio'], rows);
}

/** The goals and whether they were met, as a table in Markdown. */
export function goalsTable(verdicts: readonly Verdict[]): string {
  const rows = verdicts.map(({ goal, measured, met }) => [
    goal.says,
    goal.atMost === undefined ? `≥ ${goal.atLeast}` : `≤ ${goal.atMost}`,
    withSpread(measured),
    met ? 'met' : 'MISSED',
  ]);
  return table(['goal', 'wanted', 'measured', ''], rows);
}

function withSpread({ median, low, high }: Summary): string {
  return low === high ? short(median) : `${short(median)} (${short(low)}–${short(high)})`;
}

function short(value: number): string {
  if (Number.isInteger(value)) return String(value);
  return Math.abs(value) >= 100 ? value.toFixed(0) : Number(value.toPrecision(3)).toString();
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [head, ...rows];
  const widths = head.map((_, column) => Math.max(3, ...all.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n');
}
