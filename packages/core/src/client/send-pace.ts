/** How many sends in a row may continue the same answer before they fail: more than an agent with client tools needs. */
export const maxAnswersInARow = 25;
/** So many of them go at once, each one after that waits for `answerIntervalMs`. */
const freeAnswers = 3;
/** The shortest time between two sends that continue an answer, in milliseconds. */
export const answerIntervalMs = 300;
/** A send that comes so long after the answer before it was over is not in a row with it, in milliseconds: a person gave it. */
const rowGapMs = 10_000;

/** The sends that continue one answer, one right after the other. */
export interface SendPace {
  readonly inARow: number;
  /** When the newest of them may leave. */
  readonly lastAt: number;
  /** When the newest answer was over. How long a model takes says nothing about who sends. */
  readonly overAt: number;
}

/** Before the first send. */
export const initialPace: SendPace = { inARow: 0, lastAt: Number.NEGATIVE_INFINITY, overAt: Number.NEGATIVE_INFINITY };

/**
 * The pace after one more send at `now`. `isAnswer`: it has no new message, but goes on with the answer (a tool's output, an approval); every other
 * send starts a new row. The send leaves at `lastAt` of the result; `undefined` where it is one too many.
 */
export function nextPace(pace: SendPace, isAnswer: boolean, now: number): SendPace | undefined {
  if (!isAnswer) return initialPace;
  const { overAt } = pace;
  if (now - Math.max(pace.lastAt, overAt) > rowGapMs) return { inARow: 1, lastAt: now, overAt };
  if (pace.inARow >= maxAnswersInARow) return;
  const inARow = pace.inARow + 1;
  return { inARow, lastAt: inARow > freeAnswers ? Math.max(now, pace.lastAt + answerIntervalMs) : now, overAt };
}
