import type { Clock } from '../../clock.ts';
import { nextTurn } from './next-turn.ts';

/** A turn of appends that takes no longer than this is followed by the next one at once, in milliseconds. */
const shortTurnMs = 5;
/** The longest pause behind a turn of appends, in milliseconds: the turn may have been long because of something else. */
export const maxPauseMs = 25;

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
  // How long the last turn took is known behind all that it caused.
  await nextTurn(clock);
  const pauseMs = (pausedUntil.get(clock) ?? 0) - clock.now();
  // A clock that was set back does not hold the writers up.
  if (pauseMs > 0) await new Promise<void>((resolve) => clock.setTimeout(resolve, Math.min(pauseMs, maxPauseMs)));
  waiting.delete(clock);
  void measure(clock, clock.now());
}

async function measure(clock: Clock, startedAt: number): Promise<void> {
  await nextTurn(clock);
  const tookMs = clock.now() - startedAt;
  if (tookMs > shortTurnMs) pausedUntil.set(clock, clock.now() + Math.min(tookMs, maxPauseMs));
}
