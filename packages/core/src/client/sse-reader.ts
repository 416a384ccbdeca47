import type { UIMessageChunk } from 'ai';
import { createParser, type EventSourceMessage } from 'eventsource-parser';
import { ChatTransportError } from '../errors.ts';
import { type Frame, wireVersion } from '../wire/frame.ts';
import { decodeFrame, UnknownFrame } from '../wire/frame-codec.ts';
import { parseSseId } from '../wire/sse-id.ts';
import type { Answer } from './http-client.ts';
import { noAnswer } from './persist.ts';

export interface SseHandler {
  /** One whole frame. `replayed`: with the earlier parts in front. */
  onFrame(frame: Frame, replayed?: boolean): void;
  /** Bytes came, a heartbeat included. */
  onBytes(): void;
  /** Something that is not of the protocol was dropped: the event with this data. */
  onMalformed(error: unknown, data: string): void;
}

/**
 * Reads frames from an SSE body, which begins at offset `from`, until it closes. `isReplay`: it begins with the earlier parts of the message
 * that the run continues. A frame's chunks are held until its id has been seen, so that half a frame is never delivered.
 * PROTOCOL.md section 4.
 */
export async function readSse(
  { body, runId: run = '', turn }: Answer,
  from: number | undefined = 0,
  isReplay: boolean,
  handler: SseHandler,
): Promise<void> {
  if (!body) return;
  let group: UIMessageChunk[] = [];
  const take = ({ id, event, data }: EventSourceMessage): void => {
    try {
      const end = parseSseId(id ?? '');
      if (event === 'frame') {
        const frame = decodeFrame(data);
        if ('start' in frame) {
          ({ run, turn } = frame);
          isReplay = false;
        }
        from = 0;
        group = [];
        handler.onFrame(frame);
      } else if (event !== undefined && event !== 'message') {
        throw new UnknownFrame(`an event named ${event}`);
      } else if (data === '[DONE]') {
        if (end?.reason) handler.onFrame({ v: wireVersion, run, turn, at: end.next, end: { reason: end.reason } });
      } else {
        group.push(JSON.parse(data));
        if (!end) return;
        handler.onFrame({ v: wireVersion, run, turn, at: from, next: end.next, chunks: group }, isReplay);
        from = end.next;
        group = [];
      }
    } catch (error) {
      handler.onMalformed(error, data);
    }
  };
  // Read in a loop: pipes through transform streams take longer than all that is done with the events.
  let events: EventSourceMessage[] = [];
  const parser = createParser({ onEvent: (event) => void events.push(event) });
  const decoder = new TextDecoder();
  const reader = body.getReader();
  for (;;) {
    const { done, value } = await reader.read().catch((cause) => {
      // A connection that breaks is the platform's own error; an abort is its caller's.
      throw ChatTransportError.isInstance(cause) || cause?.name === 'AbortError' ? cause : noAnswer(cause);
    });
    if (done) return;
    handler.onBytes();
    parser.feed(decoder.decode(value, { stream: true }));
    const arrived = events;
    events = [];
    for (const event of arrived) {
      take(event);
      // The chat takes what is in its stream meanwhile: many events may arrive at once.
      await undefined;
    }
  }
}
