import { type Clock, sleep } from '../clock.ts';
import { ChatTransportError } from '../errors.ts';
import { initialPace, maxAnswersInARow, nextPace } from './send-pace.ts';

/** Holds back sends that continue an answer again and again, as an automatic send does that is always due. */
export class SendGate {
  readonly #context: { readonly clock: Clock; readonly closing: AbortSignal; now(): number };
  #pace = initialPace;

  constructor(context: { readonly clock: Clock; readonly closing: AbortSignal; now(): number }) {
    this.#context = context;
  }

  /**
   * Resolves when the send may leave.
   * @throws ChatTransportError `rate-limited`, not retryable, after `maxAnswersInARow` of them in a row.
   */
  async pass(isAnswer: boolean): Promise<void> {
    const now = this.#context.now();
    const pace = nextPace(this.#pace, isAnswer, now);
    if (!pace) {
      throw new ChatTransportError({
        code: 'rate-limited',
        message: `This chat continued its answer ${maxAnswersInARow} times in a row by itself and was stopped. Send a message to go on.`,
        retryable: false,
      });
    }
    this.#pace = pace;
    if (pace.lastAt > now) await sleep(this.#context.clock, pace.lastAt - now, this.#context.closing);
  }
}
