import type { Clock } from '@chat-transport/core';

/** One callback at one moment of the virtual time. */
export interface Timer {
  readonly at: number;
  readonly order: number;
  readonly owner: string;
  readonly callback: () => void;
  done: boolean;
}

// Taken before the globals are replaced: a real turn of the event loop runs every microtask and `nextTick` there is.
const realSetImmediate = globalThis.setImmediate;
const turn = (): Promise<void> => new Promise((resolve) => realSetImmediate(resolve));

/** The virtual time: it moves to the next timer when nothing is left to do at the present one. */
export class Scheduler {
  /** Milliseconds since the seed began. */
  now = 0;
  /** How many callbacks ran. */
  steps = 0;
  readonly #timers: Timer[] = [];
  #order = 0;

  after(delayMs: number, callback: () => void, owner = ''): Timer {
    const at = this.now + Math.max(0, Number.isFinite(delayMs) ? delayMs : 0);
    const timer = { at, order: this.#order++, owner, callback, done: false };
    // Sorted backwards: the next one is the last.
    let low = 0;
    let high = this.#timers.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#timers[middle] as Timer).at > at) low = middle + 1;
      else high = middle;
    }
    this.#timers.splice(low, 0, timer);
    return timer;
  }

  clear(timer: Timer | undefined): void {
    if (!timer || timer.done) return;
    timer.done = true;
    const index = this.#timers.indexOf(timer);
    if (index >= 0) this.#timers.splice(index, 1);
  }

  /** The timers of an owner that have not run. */
  pending(owner?: string): readonly Timer[] {
    return this.#timers.filter((timer) => owner === undefined || timer.owner === owner);
  }

  /** Runs until `isOver`, until nothing is left, or until the time is `deadline`. Answers whether it was over. */
  async run(isOver: () => boolean, deadline: number): Promise<boolean> {
    await turn();
    while (!isOver()) {
      const timer = this.#timers.at(-1);
      if (!timer || timer.at > deadline) {
        this.now = Math.max(this.now, deadline);
        return isOver();
      }
      this.#timers.pop();
      timer.done = true;
      this.now = timer.at;
      this.steps++;
      timer.callback();
      await turn();
    }
    return true;
  }
}

/** Time as one machine has it: apart from the others', faster or slower, and gone when the machine is. */
export class MachineClock implements Clock {
  readonly name: string;
  /** What this clock is ahead by, in milliseconds. May be changed at any time: a clock that is set. */
  offsetMs: number;
  readonly rate: number;
  stopped = false;
  /** What is due while the machine stands still; `undefined` while it works. */
  #due: Map<object, () => void> | undefined;
  readonly #scheduler: Scheduler;

  constructor(scheduler: Scheduler, name: string, offsetMs = 0, rate = 1) {
    this.#scheduler = scheduler;
    this.name = name;
    this.offsetMs = offsetMs;
    this.rate = rate;
  }

  now(): number {
    return Math.round(1.7e12 + this.offsetMs + this.#scheduler.now * this.rate);
  }

  setTimeout(callback: () => void, delayMs: number): Timer | undefined {
    if (this.stopped) return;
    const timer = this.#scheduler.after(delayMs / this.rate, () => this.#run(timer, callback), this.name);
    return timer;
  }

  setImmediate(callback: () => void): void {
    this.setTimeout(callback, 0);
  }

  clearTimeout(timer: unknown): void {
    this.#scheduler.clear(timer as Timer | undefined);
    if (timer) this.#due?.delete(timer);
  }

  #run(key: object, callback: () => void): void {
    if (this.#due) this.#due.set(key, callback);
    else if (!this.stopped) callback();
  }

  /** The machine stands still, as a process that gets SIGSTOP: time goes on without it. */
  freeze(forMs: number): void {
    if (this.#due || this.stopped) return;
    const due = new Map<object, () => void>();
    this.#due = due;
    this.#scheduler.after(forMs, () => {
      // What is cleared meanwhile does not run.
      for (const [key, callback] of due) if (due.delete(key) && !this.stopped) callback();
      this.#due = undefined;
    });
  }

  /** Resolves at once, or when the machine works again. */
  thawed(): Promise<void> | undefined {
    const due = this.#due;
    return due && new Promise((resolve) => due.set(resolve, resolve));
  }

  /** The machine is gone, with all that it had planned. */
  stop(): void {
    this.stopped = true;
    for (const timer of this.#scheduler.pending(this.name)) this.#scheduler.clear(timer);
  }

  /** Resolves after `delayMs`; never when the machine is gone. */
  wait(delayMs: number): Promise<void> {
    return new Promise((resolve) => this.setTimeout(resolve, delayMs));
  }
}
