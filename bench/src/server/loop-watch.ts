import { nowMs } from '../clock.ts';

const everyMs = 2;

/** How long the event loop did not come round. */
export interface Stall {
  /** On the clock: for so long, nobody was answered. Other processes of a busy machine add to it. */
  readonly longestMs: number;
  /** What this process computed without a pause. */
  readonly computedMs: number;
}

/** Notes how late a timer of this process comes. */
export class LoopWatch {
  #timer: ReturnType<typeof setInterval> | undefined;
  #stall: Stall = { longestMs: 0, computedMs: 0 };

  watch(): void {
    clearInterval(this.#timer);
    this.#stall = { longestMs: 0, computedMs: 0 };
    let last = { atMs: nowMs(), usedMs: usedMs() };
    this.#timer = setInterval(() => {
      const now = { atMs: nowMs(), usedMs: usedMs() };
      this.#stall = {
        longestMs: Math.max(this.#stall.longestMs, now.atMs - last.atMs - everyMs),
        computedMs: Math.max(this.#stall.computedMs, now.usedMs - last.usedMs),
      };
      last = now;
    }, everyMs);
  }

  /** The longest stall since `watch`; ends the watch. */
  longest(): Stall {
    clearInterval(this.#timer);
    return this.#stall;
  }
}

function usedMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}
