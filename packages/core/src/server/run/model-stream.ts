import type { UIMessageChunk } from 'ai';
import { ChatTransportError } from '../../errors.ts';
import type { RespondOutput } from '../options.ts';
import { checkChunk } from './check-chunk.ts';

/** A model's stream that can be left at any moment. */
export interface ModelStream {
  /** The next chunk; `undefined` at the end. */
  next(): Promise<UIMessageChunk | undefined>;
  /** Lets go of the stream, without waiting for it. */
  leave(reason: unknown): void;
}

/**
 * Opens what `respond` answered. The run opens with a `start` chunk of its own `messageId`, whatever the model says.
 * `next` rejects with `protocol` for something that is no chunk, or one that clients would refuse.
 */
export function openModelStream(output: RespondOutput, messageId: string): ModelStream {
  const source = openSource(output);
  let held: UIMessageChunk | undefined;
  let isFirst = true;
  return {
    async next() {
      if (held) {
        const chunk = held;
        held = undefined;
        return chunk;
      }
      const { done, value } = await source.next();
      if (done) return isFirst ? first({ type: 'start', messageId }) : undefined;
      const chunk = withMessageId(await checkChunk(value), messageId);
      if (!isFirst) return chunk;
      if (chunk.type === 'start') return first({ ...chunk, messageId });
      held = chunk;
      return first({ type: 'start', messageId });
    },
    leave: source.leave,
  };

  function first(chunk: UIMessageChunk): UIMessageChunk {
    isFirst = false;
    return chunk;
  }
}

function withMessageId(chunk: UIMessageChunk, messageId: string): UIMessageChunk {
  const isForeign = chunk.type === 'start' && chunk.messageId != null && chunk.messageId !== messageId;
  return isForeign ? { ...chunk, messageId } : chunk;
}

function openSource(output: RespondOutput): {
  next(): Promise<{ done?: boolean | undefined; value?: unknown }>;
  leave(reason: unknown): void;
} {
  if (output && 'getReader' in output) {
    const reader = output.getReader();
    return {
      next: () => reader.read(),
      leave: (reason) => void reader.cancel(reason).catch(() => {}),
    };
  }
  const open = (output as Partial<AsyncIterable<UIMessageChunk>> | undefined)?.[Symbol.asyncIterator];
  if (typeof open !== 'function') {
    throw new ChatTransportError({
      code: 'protocol',
      message: 'respond must return a stream of chunks, for example toUIMessageStream({ stream: result.stream }).',
    });
  }
  const iterator = open.call(output);
  return {
    next: () => iterator.next(),
    leave: () => void iterator.return?.().then(undefined, () => {}),
  };
}
