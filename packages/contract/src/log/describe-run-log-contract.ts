import { describe, it } from 'vitest';
import { isApplicableLogCase, type LogHarness, type LogSupports } from './log-case.ts';
import { runLogCases } from './log-cases.ts';

/** What the log suite needs to know about a log. */
export interface RunLogContract {
  /** The log's name, as it stands in the report. */
  readonly name: string;
  readonly supports: LogSupports;
  /** Makes a log for one case. */
  createHarness(): Promise<LogHarness>;
}

/**
 * Binds the log suite to vitest: one test per case, each with a harness of its own that is disposed of whatever
 * happens.
 */
export function describeRunLogContract({ name, supports, createHarness }: RunLogContract): void {
  const applicable = runLogCases.filter((each) => isApplicableLogCase(each, supports));
  describe(`${name}: the log`, () => {
    for (const { id, title, run } of applicable) {
      it(`${title} (${id})`, async () => {
        const harness = await createHarness();
        try {
          await run(harness);
        } finally {
          await harness.dispose();
        }
      });
    }
  });
}
