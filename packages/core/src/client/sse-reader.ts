import { EventSourceParserStream } from '@ai-sdk/provider-utils';
import type { UIMessageChunk } from 'ai';
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
  const heard = new TransformStream<Uint8Array, BufferSource>({
    transform(bytes, controller) {
      handler.onBytes();
      controller.enqueue(bytes as Uint8Array<ArrayBuffer>);
    },
  });
  const events = body
    .pipeThrough(heard)
    .pipeThrough(new TextDecoderStream())
    .pipeThrough(new EventSourceParserStream())
    .getReader();
  for (;;) {
    const { done, value } = await events.read().catch((cause) => {
      // A connection that breaks is the platform's own error; an abort is its caller's.
      throw ChatTransportError.isInstance(cause) || cause?.name === 'AbortError' ? cause : noAnswer(cause);
    });
    if (done) return;
    const { id, event, data } = value;
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
        if (!end) continue;
        handler.onFrame({ v: wireVersion, run, turn, at: from, next: end.next, chunks: group }, isReplay);
        from = end.next;
        group = [];
      }
    } catch (error) {
      handler.onMalformed(error, data);
    }
  }
}
