import type { Clock } from '../../clock.ts';
import { nextTurn } from './next-turn.ts';

/** A turn of appends that takes no longer than this is followed by the next one at once, in milliseconds. */
const shortTurnMs = 2;
/** The longest pause behind a turn of appends, in milliseconds: whatever else took the process's time is no reason to wait for longer. */
export const maxPauseMs = 50;

const waiting = new WeakMap<Clock, Promise<void>>();
const pausedUntil = new WeakMap<Clock, number>();

/**
 * Resolves when a writer may append. The writers of a process append in the same turn of the event loop. Behind a long one they pause for as long
 * as it took: under load, what comes meanwhile becomes fewer and larger frames, which cost less than one frame for each chunk.
 */
export function appendTurn(clock: Clock): Promise<void> {
  const turn = waiting.get(clock) ?? comeRound(clock);
  waiting.set(clock, turn);
  return turn;
}

async function comeRound(clock: Clock): Promise<void> {
  const pauseMs = (pausedUntil.get(clock) ?? 0) - clock.now();
  // A clock that was set back does not hold the writers up.
  if (pauseMs > 0) await new Promise<void>((resolve) => clock.setTimeout(resolve, Math.min(pauseMs, maxPauseMs)));
  await nextTurn(clock);
  waiting.delete(clock);
  void pauseBehind(clock, clock.now());
}

/** What the turn causes is done when the next one comes. */
async function pauseBehind(clock: Clock, startedAt: number): Promise<void> {
  await nextTurn(clock);
  const tookMs = clock.now() - startedAt;
  if (tookMs > shortTurnMs) pausedUntil.set(clock, clock.now() + Math.min(tookMs, maxPauseMs));
}
