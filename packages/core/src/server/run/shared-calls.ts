import type { FairTurns } from './fair-turns.ts';

/**
 * Makes one call for all who ask for the same while it has not begun. A call that is under way is not joined: what it reads may be older than
 * the question. The next one begins when it is over.
 */
export class SharedCalls {
  readonly #turns: FairTurns;
  readonly #waiting = new Map<string, Promise<unknown>>();
  readonly #running = new Map<string, Promise<unknown>>();

  constructor(turns: FairTurns) {
    this.#turns = turns;
  }

  /** What `work` answers, or throws, for everybody who asks this of the chat. It takes the turn of the `party` that asks first. */
  call<T>(chatId: string, question: string, work: () => Promise<T>, party: string = chatId): Promise<T> {
    const key = `${chatId}/${question}`;
    const waiting = this.#waiting.get(key);
    if (waiting) return waiting as Promise<T>;
    const call = this.#callNext(party, key, work);
    this.#waiting.set(key, call);
    return call;
  }

  async #callNext<T>(party: string, key: string, work: () => Promise<T>): Promise<T> {
    await this.#running.get(key)?.catch(() => {});
    await this.#turns.take(party);
    this.#waiting.delete(key);
    const running = work();
    this.#running.set(key, running);
    try {
      return await running;
    } finally {
      this.#running.delete(key);
    }
  }
}
