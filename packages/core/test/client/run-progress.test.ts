import { expect, it } from 'vitest';
import { nextProgress, type ProgressEvent, type RunProgress } from '../../src/client/run-progress.ts';

const waiting: RunProgress = { newsAt: 10, reads: 0, stuckSince: undefined };
const stuck: RunProgress = { newsAt: 10, reads: 2, stuckSince: 40 };

const table: readonly [title: string, RunProgress, ProgressEvent, RunProgress][] = [
  ['news end all waiting', stuck, { type: 'news', at: 50 }, { newsAt: 50, reads: 0, stuckSince: undefined }],
  ['a read without news counts', stuck, { type: 'read', at: 50 }, { newsAt: 50, reads: 3, stuckSince: 40 }],
  [
    'a run without a path is stuck since now',
    waiting,
    { type: 'looked', at: 50, isStuck: true },
    { ...waiting, stuckSince: 50 },
  ],
  ['a run that stays without a path is stuck since before', stuck, { type: 'looked', at: 50, isStuck: true }, stuck],
  ['a path ends being stuck', stuck, { type: 'looked', at: 50, isStuck: false }, { ...stuck, stuckSince: undefined }],
];

it.each(table)('%s', (_title, progress, event, next) => {
  expect(nextProgress(progress, event)).toEqual(next);
});
