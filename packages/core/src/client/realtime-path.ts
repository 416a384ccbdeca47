import { ChatTransportError } from '../errors.ts';
import type { SessionContext } from './session-context.ts';

/** What takes what a subscription brings. */
export interface RealtimeSink {
  onMessage(data: string): void;
  onLive(): void;
  onDown(): void;
  onFailed(error: unknown): void;
  /** The service refuses again and again; the subscription goes on trying. */
  onRefused(error: unknown): void;
}

/**
 * Subscribes to a chat over the transport's realtime service, until `signal` aborts. Nothing reaches `sink` after that.
 * The subscription is made in the next task, so that a request of this moment leaves before a socket is set up.
 */
export function openRealtime(
  chatId: string,
  { clock, subscriber }: SessionContext,
  sink: RealtimeSink,
  signal: AbortSignal,
): void {
  const current =
    <T extends unknown[]>(act: (...args: T) => void) =>
    (...args: T): void => {
      if (!signal.aborted) act(...args);
    };
  const listener = {
    onMessage: current((data: string) => sink.onMessage(data)),
    onLive: current(() => sink.onLive()),
    onInterrupted: current(() => sink.onDown()),
    onFailed: current((error: unknown) => sink.onFailed(error)),
    onRefused: current((error: unknown) => sink.onRefused(error)),
  };
  const timer = clock.setTimeout(() => {
    if (signal.aborted) return;
    try {
      subscriber?.subscribe(chatId, listener, signal);
    } catch (cause) {
      // The vendor's client may throw, and so may the app's function that makes it. This task has no caller that could catch it.
      const message = `${subscriber?.name} could not subscribe: ${cause instanceof Error ? cause.message : String(cause)}`;
      listener.onFailed(new ChatTransportError({ code: 'provider-failed', message, cause }));
    }
  }, 0);
  signal.addEventListener('abort', () => clock.clearTimeout(timer));
}
