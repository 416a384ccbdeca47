import { describe, expect, it } from 'vitest';
import { MemoryRuns } from '../../src/log/memory-runs.ts';
import type { RunRow } from '../../src/log/run-row.ts';

const retentionMs = 1000;

/** A run of a turn that ended at the moment of the same number, and counts who looks at it. */
function endedRun(turn: number, looked: { count: number }) {
  const row: RunRow = {
    ...{ chatId: 'chat', runId: `r${turn}`, turn, digest: '', joinKey: undefined, fence: '', attempt: 1 },
    ...{ leaseMs: 10, leaseUntil: 10, takeOverMs: 0, next: 0, end: { reason: 'finish', at: turn }, cancelIds: [] },
  };
  return {
    isEmpty: false,
    get row() {
      looked.count += 1;
      return row;
    },
  };
}

function runsOf(count: number) {
  const looked = { count: 0 };
  const runs = new MemoryRuns<ReturnType<typeof endedRun>>();
  for (let turn = 1; turn <= count; turn += 1) runs.add(endedRun(turn, looked));
  looked.count = 0;
  const empty = (run: { isEmpty: boolean }): void => {
    run.isEmpty = true;
  };
  return { runs, looked, prune: (time: number) => runs.prune(time, retentionMs, empty) };
}

describe('the runs of a chat in memory', () => {
  it('cost a beginning the same however many there are', () => {
    const costOf = (count: number): number => {
      const { runs, looked, prune } = runsOf(count);
      prune(count);
      // Beside those that are past their retention, and are looked at once.
      const [newest] = runs.newest(1);
      looked.count = 0;
      expect(newest).toBe(runs.get(`r${count}`));
      prune(count);
      return looked.count;
    };
    expect(costOf(2500)).toBe(costOf(5));
    expect(costOf(5)).toBeGreaterThan(0);
  });

  it('lose their contents after the retention, and are forgotten after twice as long', () => {
    const { runs, prune } = runsOf(10);
    const emptied = (): number => runs.all().filter(({ isEmpty }) => isEmpty).length;
    prune(1004);
    expect([runs.all().length, emptied()]).toEqual([10, 4]);
    prune(2003);
    expect([runs.all().length, emptied(), runs.get('r3'), runs.newest(2).map(({ row }) => row.turn)]).toEqual([
      ...[7, 7, undefined],
      [10, 9],
    ]);
    prune(9999);
    expect([runs.all(), runs.newest(1)]).toEqual([[], []]);
  });
});
