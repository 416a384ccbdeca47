import { beforeEach, describe, expect, it } from 'vitest';
import { appendTurn, maxPauseMs, minPausingWriters } from '../../src/server/run/append-turn.ts';
import { TestClock } from '../support/test-clock.ts';

const realTurn = () => new Promise((resolve) => setImmediate(resolve));

describe('the turn in which writers append', () => {
  let clock: TestClock;

  beforeEach(() => {
    clock = new TestClock();
    clock.stop();
  });

  /** A turn in which so many writers append. */
  async function turnOf(writers: number): Promise<void> {
    await Promise.all(Array.from({ length: writers }, () => appendTurn(clock)));
  }

  /** A turn whose appends, and what they cause, take so long. */
  async function take(ms: number, writers = minPausingWriters): Promise<void> {
    await turnOf(writers);
    await clock.advance(ms);
    await realTurn();
  }

  /** How long the next turn lets the writers wait. */
  async function pauseMs(): Promise<number> {
    let isOver = false;
    const turn = appendTurn(clock).then(() => {
      isOver = true;
    });
    let waitedMs = 0;
    for (let turns = 0; turns < 5; turns++) await realTurn();
    for (; !isOver; waitedMs++) {
      await clock.advance(1);
      for (let turns = 0; turns < 5; turns++) await realTurn();
    }
    await turn;
    return waitedMs;
  }

  it('is the same for all of a process', () => {
    expect(appendTurn(clock)).toBe(appendTurn(clock));
    expect(appendTurn(new TestClock())).not.toBe(appendTurn(clock));
  });

  it.each([
    [4, 0],
    [20, 20],
    [10_000, maxPauseMs],
  ])('after one that took %d ms comes %d ms later', async (tookMs, laterMs) => {
    await take(tookMs);
    expect(await pauseMs()).toBe(laterMs);
  });

  it('is not waited for behind few writers, however long they took', async () => {
    await take(10_000, minPausingWriters - 1);
    expect(await pauseMs()).toBe(0);
  });

  it('also pauses the writers that ask before it is over', async () => {
    await turnOf(minPausingWriters);
    await clock.advance(20);
    // As a model that speaks in the loop’s next phase.
    expect(await pauseMs()).toBe(20);
  });

  it('comes at once again when the load is over', async () => {
    await take(10_000);
    expect(await pauseMs()).toBe(maxPauseMs);
    await realTurn();
    expect(await pauseMs()).toBe(0);
  });

  it('does not wait for a clock that was set back', async () => {
    await take(20);
    const now = clock.now();
    clock.now = () => now - 60_000;
    let isOver = false;
    void appendTurn(clock).then(() => {
      isOver = true;
    });
    for (let turns = 0; turns < 5; turns++) await realTurn();
    expect(isOver).toBe(false);
    await clock.advance(maxPauseMs);
    for (let turns = 0; turns < 5; turns++) await realTurn();
    expect(isOver).toBe(true);
  });
});
