import { isDeepStrictEqual } from 'node:util';

/** A value as text, the same for equal values: keys are sorted. */
export const json = (value: unknown): string =>
  JSON.stringify(value, (_, nested) =>
    nested && typeof nested === 'object' && !Array.isArray(nested)
      ? Object.fromEntries(Object.entries(nested).sort(([a], [b]) => (a < b ? -1 : 1)))
      : nested,
  );

/** Whether both are the same as text. Most are equal, and to find that out needs no text. */
export const isSameJson = (one: unknown, other: unknown): boolean =>
  isDeepStrictEqual(one, other) || json(one) === json(other);
