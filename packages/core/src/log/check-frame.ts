import { ChatTransportError } from '../errors.ts';
import type { LogFrame } from '../wire/frame.ts';

/**
 * Checks a frame's shape and returns its chunks as JSON.
 * @throws ChatTransportError `protocol` when the offsets are no offsets or `next - at` is not the number of chunks, at least one.
 */
export function frameChunks({ at, next, chunks }: LogFrame): string {
  const wellFormed = Number.isSafeInteger(at) && at >= 0 && chunks.length > 0 && next - at === chunks.length;
  if (!wellFormed) {
    throw new ChatTransportError({
      code: 'protocol',
      message: `A frame of ${chunks.length} chunks cannot span the offsets [${at}, ${next}).`,
    });
  }
  return JSON.stringify(chunks);
}

/**
 * Refuses a read that does not start at an offset of the run.
 * @throws ChatTransportError `invalid-offset`.
 */
export function checkFrom(from: number, next: number): void {
  if (Number.isSafeInteger(from) && from >= 0 && from <= next) return;
  throw new ChatTransportError({
    code: 'invalid-offset',
    message: `Offset ${from} is not in this run: it has the offsets 0 to ${next}.`,
  });
}
