import type { Clock } from '../clock.ts';

/** What an abort by the AI SDK turned out to be. */
export interface AbortOutcomes {
  /** The chat resumed in the same task, as React's StrictMode and hot reload do: it was no stop. */
  onWithdrawn(): void;
  /** It was a stop, or the page left. */
  onDecided(): void;
}

/** An abort whose meaning is not known yet. The first of the two calls counts. */
export interface AbortDecision {
  withdraw(): void;
  decide(): void;
}

/**
 * Waits for one task to learn what an abort was: it is `withdrawn` by a resume, or `decided`. A send of the same chat decides it at once, because
 * a user sends again only after a stop.
 */
export function awaitDecision(clock: Clock, { onWithdrawn, onDecided }: AbortOutcomes): AbortDecision {
  let isPending = true;
  const first = (act: () => void) => () => {
    if (!isPending) return;
    isPending = false;
    clock.clearTimeout(timer);
    act();
  };
  const decide = first(onDecided);
  const timer = clock.setTimeout(decide, 0);
  return { withdraw: first(onWithdrawn), decide };
}
