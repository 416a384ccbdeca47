import { backoffMs, type Clock } from '../clock.ts';
import type { ChannelListener } from './realtime-subscriber.ts';

/** What a subscription knows about its channel, and reports to core. */
export interface ChannelLife {
  /** Everything published from now on arrives. */
  live(): void;
  /** A message came, as it was published. */
  heard(data: string): void;
  /** Messages may be lost. Core hears of it once, until the next `live`. `retry` is called after a wait that grows with each failure. */
  down(reason: unknown, retry?: () => void): void;
}

/** The first wait before a subscription is tried again, in milliseconds: each try is a request to the app's own server. */
const firstRetryMs = 1_000;
/** The longest wait before a subscription is tried again, in milliseconds. */
const maxRetryMs = 30_000;

/**
 * The life of one subscription over a service that promises no delivery: after `checkAfterMs` without a message on a page that is shown, core reads
 * what may have been missed. Leaves no timer behind when `signal` aborts.
 */
export function channelLife(options: {
  readonly listener: ChannelListener;
  readonly clock: Clock;
  readonly checkAfterMs: number;
  readonly signal: AbortSignal;
}): ChannelLife {
  const { listener, clock, checkAfterMs, signal } = options;
  let isLive: boolean | undefined;
  let failures = 0;
  let timer: unknown;
  const after = (delayMs: number, act: () => void): void => {
    clock.clearTimeout(timer);
    if (!signal.aborted) timer = clock.setTimeout(act, delayMs);
  };
  const check = (): void => {
    if (globalThis.document?.hidden) after(checkAfterMs, check);
    else live();
  };
  const live = (): void => {
    failures = 0;
    isLive = true;
    after(checkAfterMs, check);
    listener.onLive();
  };
  signal.addEventListener('abort', () => clock.clearTimeout(timer));
  return {
    live,
    heard(data) {
      after(checkAfterMs, check);
      listener.onMessage(data);
    },
    down(reason, retry) {
      if (retry) after(backoffMs(failures++, firstRetryMs, maxRetryMs), retry);
      else if (isLive) clock.clearTimeout(timer);
      if (isLive === false) return;
      isLive = false;
      listener.onInterrupted(reason);
    },
  };
}
