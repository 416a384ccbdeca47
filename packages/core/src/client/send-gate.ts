import { type Clock, sleep } from '../clock.ts';
import { ChatTransportError } from '../errors.ts';
import { initialPace, maxAnswersInARow, nextPace } from './send-pace.ts';

/** What a gate needs of its session. */
export interface GateContext {
  readonly clock: Clock;
  readonly closing: AbortSignal;
  now(): number;
}

/** Resolves when a send may leave. `isAnswer`: it goes on with an answer. `over` resolves when its own answer is over. */
export type SendGate = (isAnswer: boolean, over: Promise<void>) => Promise<void>;

/**
 * Holds back sends that continue an answer again and again, as an automatic send does that is always due. The gate
 * throws `rate-limited`, not retryable, after `maxAnswersInARow` of them in a row.
 */
export function createSendGate({ clock, closing, now }: GateContext): SendGate {
  let pace = initialPace;
  return async (isAnswer, over) => {
    const at = now();
    const next = nextPace(pace, isAnswer, at);
    if (!next) {
      throw new ChatTransportError({
        code: 'rate-limited',
        message: `This chat continued its answer ${maxAnswersInARow} times in a row by itself and was stopped. Send a message to go on.`,
        retryable: false,
      });
    }
    pace = next;
    void over.then(() => {
      pace = { ...pace, overAt: now() };
    });
    if (pace.lastAt > at) await sleep(clock, pace.lastAt - at, closing);
  };
}
