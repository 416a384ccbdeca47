import { backoffMs, sleep } from '../clock.ts';
import type { LineContext } from './session-context.ts';

/** The waits before something that failed is tried again: longer after each failure, and over as soon as somebody wants it tried now. */
export class Backoff {
  readonly #context: Pick<LineContext, 'clock'>;
  #failures = 0;
  #wakeUp = new AbortController();

  constructor(context: Pick<LineContext, 'clock'>) {
    this.#context = context;
  }

  /** Failures since something came. */
  get failures(): number {
    return this.#failures;
  }

  pause(): Promise<void> {
    return sleep(this.#context.clock, backoffMs(this.#failures++), this.#wakeUp.signal);
  }

  /** Something came. */
  reset(): void {
    this.#failures = 0;
  }

  /** Whatever waits, tries now. */
  wake(): void {
    this.#failures = 0;
    this.#wakeUp.abort();
    this.#wakeUp = new AbortController();
  }
}
