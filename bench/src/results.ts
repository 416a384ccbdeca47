import { type ContestantName, contestantNames } from './server/contestant.ts';
import { type Summary, summarize } from './statistics.ts';

export type Unit = 'ms' | 'µs' | 'bytes' | 'KiB' | 'messages' | 'messages/s' | 'writes' | 'tokens' | 'runs';

/** What is measured: `measure` names the experiment, `metric` one of its numbers. */
export interface Metric {
  readonly measure: string;
  readonly metric: string;
  readonly unit: Unit;
  /** Whose number the others are divided by. Default `stock-sse`. */
  readonly reference?: ContestantName;
}

export interface Result extends Metric {
  readonly contestant: ContestantName;
  /** One number per round. */
  readonly rounds: readonly number[];
}

/** All numbers of one run of the bench. */
export class Results {
  readonly #results = new Map<string, Result & { readonly rounds: number[] }>();

  record(metric: Metric, contestant: ContestantName, value: number): void {
    const key = `${metric.measure}/${metric.metric}/${contestant}`;
    const result = this.#results.get(key) ?? { ...metric, contestant, rounds: [] };
    result.rounds.push(value);
    this.#results.set(key, result);
  }

  /** Grouped by what was measured, in the order in which it was first recorded; the contestants in their own order. */
  all(): readonly Result[] {
    const groups = new Map<string, Result[]>();
    for (const result of this.#results.values()) {
      const key = `${result.measure}/${result.metric}`;
      groups.set(key, [...(groups.get(key) ?? []), result]);
    }
    const place = ({ contestant }: Result): number => contestantNames.indexOf(contestant);
    return [...groups.values()].flatMap((group) => group.toSorted((a, b) => place(a) - place(b)));
  }

  of(measure: string, metric: string, contestant: ContestantName): Result | undefined {
    return this.#results.get(`${measure}/${metric}/${contestant}`);
  }

  /** One contestant's number over another's, round by round; `undefined` where there is no such number, or it is 0. */
  ratio(measure: string, metric: string, of: ContestantName, to: ContestantName): Summary | undefined {
    const above = this.of(measure, metric, of)?.rounds;
    const below = this.of(measure, metric, to)?.rounds;
    if (!above || !below || below.includes(0) || of === to) return;
    return summarize(above.map((value, round) => value / (below[round] ?? Number.NaN)));
  }
}
