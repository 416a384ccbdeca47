import { expect } from 'vitest';
import type { LogCase, LogHarness, LogSupports } from './log-case.ts';

/** What the harness has where the log supports something. */
const means: Readonly<Record<keyof LogSupports, keyof LogHarness>> = {
  clock: 'advance',
  shared: 'second',
  durable: 'reopen',
};

/** A harness must not be able to do what `supports` denies: otherwise the suite would leave out cases that can run. */
export const supportsCases: readonly LogCase[] = Object.entries(means).map(([need, method]) => ({
  id: `supports/no-${need}`,
  title: `has no way to \`${method}\`, as its manifest says`,
  lacks: [need as keyof LogSupports],
  async run(harness: LogHarness) {
    expect(harness[method]).toBeUndefined();
  },
}));
