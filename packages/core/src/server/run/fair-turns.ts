import type { Clock } from '../../clock.ts';

/**
 * Lets one heavy piece of work begin in each turn of the event loop, so that the process answers everything else in between, however many
 * readers arrive together. Chats take turns, so that the readers of one do not wait behind all readers of another.
 */
export class FairTurns {
  readonly #clock: Clock;
  /** The chats that wait, the next one first; in each, first come, first served. */
  readonly #waiting = new Map<string, (() => void)[]>();
  #isTaken = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Resolves when work for this chat may begin: at once where none has begun in this turn. */
  take(chatId: string): Promise<void> {
    if (!this.#isTaken) {
      this.#isTaken = true;
      this.#afterThisTurn();
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      const chat = this.#waiting.get(chatId);
      if (chat) chat.push(resolve);
      else this.#waiting.set(chatId, [resolve]);
    });
  }

  #afterThisTurn(): void {
    const next = (): void => this.#next();
    if (this.#clock.setImmediate) this.#clock.setImmediate(next);
    else this.#clock.setTimeout(next, 0);
  }

  #next(): void {
    for (const [chatId, chat] of this.#waiting) {
      this.#waiting.delete(chatId);
      const begin = chat.shift();
      if (chat.length > 0) this.#waiting.set(chatId, chat);
      begin?.();
      return this.#afterThisTurn();
    }
    this.#isTaken = false;
  }
}
