/** The way of messages to a device, for services that have no connection which could carry them wrongly. */
export class MessageLine {
  /** Messages vanish silently. */
  isMute = false;
  /** Of the messages that `isSwapped` chooses, each second one goes in front of the first. */
  isSwapping = false;
  readonly #isSwapped: (message: string) => boolean;
  #held: (() => void) | undefined;

  constructor(isSwapped: (message: string) => boolean) {
    this.#isSwapped = isSwapped;
  }

  deliver(message: string, next: (message: string) => void): void {
    if (this.isMute) return;
    const held = this.#held;
    this.#held = undefined;
    if (!this.isSwapping || !this.#isSwapped(message)) {
      held?.();
      next(message);
    } else if (held) {
      next(message);
      held();
    } else this.#held = () => next(message);
  }
}
