import type { Clock } from '../clock.ts';

/** What an abort by the AI SDK turned out to be. */
export interface AbortOutcomes {
  /** The chat resumed in the same task, as React's StrictMode and hot reload do: it was no stop. */
  onWithdrawn(): void;
  /** It was a stop, or the page left. */
  onDecided(): void;
}

/**
 * An abort whose meaning is not known yet: `pending` for one task, then `withdrawn` by a resume or `decided`.
 * A send of the same chat decides it at once, because only a user who has stopped sends again.
 */
export class AbortDecision {
  readonly #outcomes: AbortOutcomes;
  readonly #stopTimer: () => void;
  #state: 'pending' | 'withdrawn' | 'decided' = 'pending';

  constructor(clock: Clock, outcomes: AbortOutcomes) {
    this.#outcomes = outcomes;
    const timer = clock.setTimeout(() => this.decide(), 0);
    this.#stopTimer = () => clock.clearTimeout(timer);
  }

  withdraw(): void {
    if (this.#leave('withdrawn')) this.#outcomes.onWithdrawn();
  }

  decide(): void {
    if (this.#leave('decided')) this.#outcomes.onDecided();
  }

  #leave(next: 'withdrawn' | 'decided'): boolean {
    if (this.#state !== 'pending') return false;
    this.#state = next;
    this.#stopTimer();
    return true;
  }
}
