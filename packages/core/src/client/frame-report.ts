import { UnknownFrame } from '../wire/frame-codec.ts';
import type { TransportEvent } from './chat-update.ts';

/**
 * Reports the messages of a chat that could not be decoded; those that only a newer client knows once, since a newer
 * server sends them all the time.
 */
export function reportFrames(chatId: string, emit: (event: TransportEvent) => void): (error: unknown) => void {
  let hasReportedUnknown = false;
  return (error) => {
    const isUnknown = error instanceof UnknownFrame;
    if (isUnknown && hasReportedUnknown) return;
    hasReportedUnknown ||= isUnknown;
    emit({ type: isUnknown ? 'unknown-frame' : 'malformed-frame', chatId, error });
  };
}
