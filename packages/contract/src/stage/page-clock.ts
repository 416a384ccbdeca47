import { type Clock, systemClock } from '@chat-transport/core';

interface PageTimer {
  readonly callback: () => void;
  readonly dueAt: number;
  handle?: unknown;
}

/** The clock of a device's page, which a browser slows down in the background, and a laptop stops. */
export class PageClock implements Clock {
  /** Timers that wait. */
  readonly timers: Set<PageTimer> = new Set();
  #aheadMs = 0;
  #stepMs = 1;
  #rate = 1;
  #isStopped = false;

  now(): number {
    return systemClock.now() * this.#rate + this.#aheadMs;
  }

  setTimeout(callback: () => void, delayMs: number): PageTimer {
    const timer: PageTimer = { callback, dueAt: this.now() + delayMs };
    this.timers.add(timer);
    if (!this.#isStopped) this.#arm(timer);
    return timer;
  }

  clearTimeout(timer: PageTimer | undefined): void {
    if (!timer) return;
    this.timers.delete(timer);
    systemClock.clearTimeout(timer.handle);
  }

  /** Timers fire no more often than this, as in a background tab. */
  throttle(stepMs: number): void {
    this.#stepMs = stepMs;
  }

  /** No timer fires, as in a page that is frozen. */
  stop(): void {
    this.#isStopped = true;
    for (const { handle } of this.timers) systemClock.clearTimeout(handle);
  }

  /** From now on, time goes by so many times faster. */
  hurry(rate: number): void {
    this.#aheadMs += systemClock.now() * (this.#rate - rate);
    this.#rate = rate;
  }

  /** It is so much later at once. */
  pass(ms: number): void {
    this.#aheadMs += ms;
  }

  /** Goes on: what was due meanwhile fires now. */
  start(): void {
    this.#isStopped = false;
    for (const timer of this.timers) this.#arm(timer);
  }

  #arm(timer: PageTimer): void {
    const waitMs = Math.max(0, timer.dueAt - this.now()) / this.#rate;
    timer.handle = systemClock.setTimeout(
      () => {
        this.timers.delete(timer);
        timer.callback();
      },
      Math.ceil(waitMs / this.#stepMs) * this.#stepMs,
    );
  }
}
