import type { Scheduler } from './scheduler.ts';

/** What happened in a seed, as a person reads it: time, who, what. */
export class Trace {
  readonly #scheduler: Scheduler;
  readonly #events: (readonly [number, string, string])[] = [];

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler;
  }

  add(actor: string, event: string): void {
    this.#events.push([this.#scheduler.now, actor, event]);
  }

  get lines(): string[] {
    return this.#events.map(
      ([at, actor, event]) => `${(at / 1000).toFixed(3).padStart(9)} s  ${actor.padEnd(9)} ${event}`,
    );
  }
}
