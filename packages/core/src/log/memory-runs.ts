import type { RunRow } from './run-row.ts';

/** When a run is over at the latest, unless it is renewed or taken over. */
export function overAt({ end, leaseUntil, takeOverMs }: RunRow): number {
  return end?.at ?? leaseUntil + takeOverMs;
}

/**
 * The runs of a chat in the order of their turns, which is the order in which they end. The newest ones and those past their retention are found at
 * the two ends, so that a run's beginning costs the same however many there are.
 */
export class MemoryRuns<Run extends { readonly row: RunRow }> {
  readonly #byId = new Map<string, Run>();
  #inOrder: Run[] = [];
  /** How many of the first have no contents any more. */
  #emptied = 0;

  get(runId: string): Run | undefined {
    return this.#byId.get(runId);
  }

  /** Adds the newest run. */
  add(run: Run): void {
    this.#byId.set(run.row.runId, run);
    this.#inOrder.push(run);
  }

  /** Every run, the oldest first. */
  all(): readonly Run[] {
    return this.#inOrder;
  }

  /** The newest `count` runs, the newest first. */
  newest(count: number): Run[] {
    return count > 0 ? this.#inOrder.slice(-count).reverse() : [];
  }

  /** Calls `empty` with each run that is past its retention, and forgets those that are past it twice over. */
  prune(time: number, retentionMs: number, empty: (run: Run) => void): void {
    const isOlder = (run: Run | undefined, ms: number): run is Run => run !== undefined && overAt(run.row) <= time - ms;
    for (let run = this.#inOrder[this.#emptied]; isOlder(run, retentionMs); run = this.#inOrder[this.#emptied]) {
      empty(run);
      this.#emptied += 1;
    }
    let forgotten = 0;
    for (; isOlder(this.#inOrder[forgotten], 2 * retentionMs); forgotten += 1) {
      this.#byId.delete(this.#inOrder[forgotten]?.row.runId ?? '');
    }
    if (forgotten === 0) return;
    this.#inOrder = this.#inOrder.slice(forgotten);
    this.#emptied -= forgotten;
  }
}
