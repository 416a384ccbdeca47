import type { Clock } from '../../clock.ts';

const turns = new WeakMap<Clock, Promise<void>>();

/** Resolves in the next turn of the event loop. One timer serves all that wait, so that thousands of runs cost no more than one. */
export function nextTurn(clock: Clock): Promise<void> {
  const waiting = turns.get(clock);
  if (waiting) return waiting;
  const turn = new Promise<void>((resolve) => {
    const arrive = (): void => {
      turns.delete(clock);
      resolve();
    };
    if (clock.setImmediate) clock.setImmediate(arrive);
    else platformImmediate(arrive);
  });
  turns.set(clock, turn);
  return turn;
}

const platformImmediate: (callback: () => void) => unknown =
  typeof setImmediate === 'function' ? setImmediate : (callback) => setTimeout(callback, 0);
