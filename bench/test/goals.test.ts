import { describe, expect, test } from 'vitest';
import { type Goal, goals, judge } from '../src/goals.ts';
import { measures } from '../src/measures/index.ts';
import { Results } from '../src/results.ts';

const metric = { measure: 'm', metric: 'x', unit: 'ms' } as const;
const goal: Goal = { says: 'a goal', measure: 'm', metric: 'x', of: 'immediate', to: 'stock-sse', atMost: 1.1 };

function resultsOf(ours: readonly number[], theirs: readonly number[]): Results {
  const results = new Results();
  for (const value of ours) results.record(metric, 'immediate', value);
  for (const value of theirs) results.record(metric, 'stock-sse', value);
  return results;
}

describe('a goal', () => {
  test('is judged by the median of the ratios of the rounds, not by the ratio of the medians', () => {
    const results = resultsOf([1, 20, 300], [1, 10, 100]);
    expect(judge(results, [goal])).toEqual([{ goal, measured: { median: 2, low: 1, high: 3 }, met: false }]);
    expect(judge(resultsOf([1, 11, 300], [1, 10, 100]), [goal])).toMatchObject([
      { measured: { median: 1.1 }, met: true },
    ]);
  });

  test('is not judged against a contestant that shows nothing', () => {
    expect(resultsOf([63], [0]).ratio('m', 'x', 'immediate', 'stock-sse')).toBeUndefined();
  });

  test('with a lower bound is missed below it', () => {
    const { atMost: _, ...rest } = goal;
    expect(judge(resultsOf([49], [1]), [{ ...rest, atLeast: 50 }])).toMatchObject([{ met: false }]);
    expect(judge(resultsOf([50], [1]), [{ ...rest, atLeast: 50 }])).toMatchObject([{ met: true }]);
  });

  test('that nothing was measured for is left out, not met', () => {
    expect(judge(resultsOf([1], []), [goal])).toEqual([]);
    expect(judge(new Results(), goals)).toEqual([]);
  });

  test('belongs to a measure that the bench has, and has exactly one bound', () => {
    for (const each of goals) {
      expect(Object.keys(measures)).toContain(each.measure);
      expect([each.atMost, each.atLeast].filter((bound) => bound !== undefined)).toHaveLength(1);
    }
  });
});
