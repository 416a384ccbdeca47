import type { Clock } from '../../clock.ts';

/** In how many steps the silence is measured. */
const steps = 4;

/**
 * Calls `onIdle` once nothing was heard for `idleMs`, a quarter more at most. It counts timers, so that neither a clock that is set nor a
 * process that was frozen looks like a silent model.
 */
export class IdleWatch {
  readonly #clock: Clock;
  #timer: unknown;
  #silentSteps = 0;

  /** `isHeldBack`: whether the model is not read at present. Then its silence does not count. */
  constructor(
    clock: Clock,
    idleMs: number,
    { isHeldBack, onIdle }: { readonly isHeldBack: () => boolean; readonly onIdle: () => void },
  ) {
    this.#clock = clock;
    const arm = (): void => {
      this.#timer = clock.setTimeout(step, idleMs / steps);
    };
    const step = (): void => {
      this.#silentSteps = isHeldBack() ? 0 : this.#silentSteps + 1;
      if (this.#silentSteps <= steps) arm();
      else onIdle();
    };
    arm();
  }

  /** Something was heard. */
  heard(): void {
    this.#silentSteps = 0;
  }

  /** Watches no longer. */
  stop(): void {
    this.#clock.clearTimeout(this.#timer);
  }
}
