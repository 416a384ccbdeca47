import { createUIMessageStream, readUIMessageStream, type UIMessage, type UIMessageChunk } from 'ai';
import { mergeChunks } from './compact.ts';

export interface FoldInput {
  /** The assistant message that the run continues. It stays as it is. */
  readonly message?: UIMessage;
  /** The id of the message that the run writes. */
  readonly messageId: string;
  /** The run's chunks from offset 0, as the log keeps them (JSON values). */
  readonly chunks: Iterable<UIMessageChunk> | AsyncIterable<UIMessageChunk>;
}

/**
 * The assistant message that a run's chunks fold to under the AI SDK's own fold, as a client that reads them from offset 0 has it.
 * Stops at an `error` chunk, and in front of a chunk that the fold refuses: what came before is kept, and nothing is thrown.
 */
export async function foldMessage({ message, messageId, chunks }: FoldInput): Promise<UIMessage> {
  const seen: UIMessageChunk[] = [];
  let restarts = false;
  for await (const chunk of chunks) {
    if (chunk.type === 'error') break;
    // To a reader, another id is another response: it begins again.
    if (chunk.type === 'start' && chunk.messageId != null && chunk.messageId !== messageId) restarts = true;
    seen.push(chunk);
  }
  const merged = mergeChunks(seen);
  const folded = restarts ? undefined : await foldAll(message, messageId, withoutEmptySteps(merged));
  return structuredClone(folded ?? (await foldStepwise(message, messageId, merged)));
}

/** What makes a reader take over the message; a step's start alone does not. */
function isShown(chunk: UIMessageChunk): boolean {
  if ('messageMetadata' in chunk && chunk.messageMetadata != null) return true;
  if (chunk.type === 'start') return chunk.messageId != null;
  return /^(text|reasoning|tool|source|data)-|^(file|custom|steering-message)$/.test(chunk.type);
}

/** Leaves out a step at the end of which no reader gets to see anything, its start included. */
function withoutEmptySteps(chunks: readonly UIMessageChunk[]): readonly UIMessageChunk[] {
  const lastShown = chunks.findLastIndex(isShown);
  const emptyStep = chunks.findIndex(({ type }, index) => index > lastShown && type === 'start-step');
  return emptyStep < 0 ? chunks : chunks.slice(0, emptyStep);
}

/** Folds all chunks; `undefined` when the fold refuses one. (`readUIMessageStream` copies the whole message at every chunk.) */
async function foldAll(
  original: UIMessage | undefined,
  id: string,
  chunks: readonly UIMessageChunk[],
): Promise<UIMessage | undefined> {
  let message: UIMessage | undefined;
  const stream = createUIMessageStream({
    ...(original ? { originalMessages: [original] } : {}),
    generateId: () => id,
    execute: ({ writer }) => {
      // The fold makes a data chunk itself the part, and changes it.
      for (const chunk of chunks) writer.write({ ...chunk });
    },
    onEnd: ({ responseMessage }) => {
      message = responseMessage;
    },
  });
  try {
    for await (const _ of stream);
  } catch {
    return;
  }
  return message;
}

/** Folds as a reader does, up to the chunk that is refused. */
async function foldStepwise(
  original: UIMessage | undefined,
  id: string,
  chunks: readonly UIMessageChunk[],
): Promise<UIMessage> {
  let last = original ?? { id, role: 'assistant', parts: [] };
  const stream = new ReadableStream<UIMessageChunk>({
    start(controller) {
      for (const chunk of chunks) controller.enqueue({ ...chunk });
      controller.close();
    },
  });
  for await (const next of readUIMessageStream({ message: structuredClone(last), stream })) last = next;
  return last;
}
