import type { Clock } from '../../clock.ts';
import { nextTurn } from './next-turn.ts';

/** A turn of appends that takes no longer than this is followed by the next one at once, in milliseconds. */
const shortTurnMs = 5;
/** The longest pause behind a turn of appends, in milliseconds: the turn may have been long because of something else. */
export const maxPauseMs = 25;
/** Behind a turn of fewer writers there is no pause: it would gain next to nothing. */
export const minPausingWriters = 8;

/** When the writers of a process append. */
interface Pace {
  /** The turn that writers wait for, and how many. */
  turn: Promise<void> | undefined;
  writers: number;
  pausedUntil: number;
}

const paces = new WeakMap<Clock, Pace>();

/**
 * Resolves when a writer may append. The writers of a process append in the same turn of the event loop. Behind a long turn of many they pause for
 * as long as it took: under load, what comes meanwhile becomes fewer and larger frames, which cost less than one frame for each chunk.
 */
export function appendTurn(clock: Clock): Promise<void> {
  const pace = paces.get(clock) ?? { turn: undefined, writers: 0, pausedUntil: 0 };
  paces.set(clock, pace);
  pace.writers += 1;
  pace.turn ??= comeRound(clock, pace);
  return pace.turn;
}

async function comeRound(clock: Clock, pace: Pace): Promise<void> {
  // How long the last turn took is known behind all that it caused.
  await nextTurn(clock);
  const pauseMs = pace.pausedUntil - clock.now();
  // A clock that was set back does not hold the writers up.
  if (pauseMs > 0) await new Promise<void>((resolve) => clock.setTimeout(resolve, Math.min(pauseMs, maxPauseMs)));
  const { writers } = pace;
  pace.turn = undefined;
  pace.writers = 0;
  if (writers >= minPausingWriters) void measure(clock, pace, clock.now());
}

async function measure(clock: Clock, pace: Pace, startedAt: number): Promise<void> {
  await nextTurn(clock);
  const tookMs = clock.now() - startedAt;
  if (tookMs > shortTurnMs) pace.pausedUntil = clock.now() + Math.min(tookMs, maxPauseMs);
}
