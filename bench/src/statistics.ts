/** The value below which the share `q` of the values lies, by linear interpolation; NaN without values. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const position = (sorted.length - 1) * q;
  const below = sorted[Math.floor(position)] ?? Number.NaN;
  const above = sorted[Math.ceil(position)] ?? Number.NaN;
  return below + (above - below) * (position - Math.floor(position));
}

/** Several rounds in three numbers. */
export interface Summary {
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

export function summarize(rounds: readonly number[]): Summary {
  return { median: quantile(rounds, 0.5), low: quantile(rounds, 0), high: quantile(rounds, 1) };
}
