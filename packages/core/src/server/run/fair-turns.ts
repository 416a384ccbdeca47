import type { Clock } from '../../clock.ts';

/** Who takes turns: the user, where `authorize` names one, else everybody in the chat. A chat id contains no colon. */
export function partyOf(chatId: string, userId: string | undefined): string {
  return userId === undefined ? chatId : `user:${userId}`;
}

/**
 * Lets one heavy piece of work begin in each turn of the event loop, so that the process answers everything else in between, however many
 * readers arrive together. Parties take turns: a user with requests to many chats delays another user by one piece of work, not by all of them.
 */
export class FairTurns {
  readonly #clock: Clock;
  /** The parties that wait, the next one first; in each, first come, first served. */
  readonly #waiting = new Map<string, (() => void)[]>();
  #isTaken = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Resolves when work for this party may begin: at once where none has begun in this turn. */
  take(party: string): Promise<void> {
    if (!this.#isTaken) {
      this.#isTaken = true;
      this.#afterThisTurn();
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      const queue = this.#waiting.get(party);
      if (queue) queue.push(resolve);
      else this.#waiting.set(party, [resolve]);
    });
  }

  #afterThisTurn(): void {
    if (this.#clock.setImmediate) this.#clock.setImmediate(() => this.#next());
    // A timer, where `nextTurn` takes an immediate: timers that are due, and requests that have arrived, go first.
    else setTimeout(() => this.#next(), 0);
  }

  #next(): void {
    for (const [party, queue] of this.#waiting) {
      this.#waiting.delete(party);
      const begin = queue.shift();
      if (queue.length > 0) this.#waiting.set(party, queue);
      begin?.();
      return this.#afterThisTurn();
    }
    this.#isTaken = false;
  }
}
