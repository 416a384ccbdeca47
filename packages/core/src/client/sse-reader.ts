import { EventSourceParserStream } from '@ai-sdk/provider-utils';
import type { UIMessageChunk } from 'ai';
import { type Frame, wireVersion } from '../wire/frame.ts';
import { decodeFrame } from '../wire/frame-codec.ts';
import { parseSseId } from '../wire/sse-id.ts';

/** Where the body of an SSE response begins: from its headers and from what was asked for. */
export interface SsePosition {
  readonly run: string;
  readonly turn: number;
  readonly from: number;
  /** Whether the body begins with the earlier parts of the message that the run continues. */
  readonly replay?: boolean | number;
}

export interface SseHandler {
  /** One whole frame. `replayed`: with the earlier parts in front. */
  onFrame(frame: Frame, replayed?: boolean): void;
  /** Bytes came, a heartbeat included. */
  onBytes(): void;
  /** Something that is not of the protocol was dropped. */
  onMalformed(error: unknown): void;
}

/**
 * Reads frames from an SSE body until it closes. A frame's chunks are held until its id has been seen, so that half a frame is never delivered.
 * PROTOCOL.md section 4.
 */
export async function readSse(
  body: ReadableStream<Uint8Array>,
  position: SsePosition | undefined,
  handler: SseHandler,
): Promise<void> {
  let { run, turn, from } = position ?? { run: '', turn: 0, from: 0 };
  let group: UIMessageChunk[] = [];
  const decoder = new TextDecoder();
  const text = new TransformStream<Uint8Array, string>({
    transform(bytes, controller) {
      handler.onBytes();
      controller.enqueue(decoder.decode(bytes, { stream: true }));
    },
  });
  const events = body.pipeThrough(text).pipeThrough(new EventSourceParserStream()).getReader();
  for (;;) {
    const { done, value } = await events.read();
    if (done) return;
    const { id, event, data } = value;
    try {
      const end = id === undefined ? undefined : parseSseId(id);
      if (event === 'frame') {
        const frame = decodeFrame(data);
        if ('start' in frame) ({ run, turn } = frame);
        from = 0;
        group = [];
        handler.onFrame(frame);
      } else if (data === '[DONE]') {
        if (end?.reason) handler.onFrame({ v: wireVersion, run, turn, at: end.next, end: { reason: end.reason } });
      } else {
        group.push(JSON.parse(data));
        if (!end) continue;
        const frame = { v: wireVersion, run, turn, at: from, next: end.next, chunks: group } as const;
        // A server may compact what it sends to a reader at position 0, and says so in no other way.
        handler.onFrame(from === 0 ? { ...frame, snapshot: true } : frame, run === position?.run && !!position.replay);
        from = end.next;
        group = [];
      }
    } catch (error) {
      handler.onMalformed(error);
    }
  }
}
