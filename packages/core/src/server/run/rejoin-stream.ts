import { isToolUIPart, type UIMessage, type UIMessageChunk } from 'ai';
import { foldMessage } from '../../wire/fold.ts';
import type { RunStart } from '../../wire/frame.ts';
import { continuedBy } from '../conversation/history.ts';
import { type ContinuationPlan, withoutItemIds } from './plan-continuation.ts';

/** What of a new writer's stream goes into the log, chunk by chunk: `undefined` for what the message has already. */
export type Rejoin = (chunk: UIMessageChunk) => UIMessageChunk | undefined;

/** Fits a new stream to the chunks that a run has. A second `start` would empty the message of a reader that resumes. */
export function rejoinStream({
  dropStart,
  dropStartStep,
}: Pick<ContinuationPlan, 'dropStart' | 'dropStartStep'>): Rejoin {
  let isStepDue = dropStartStep;
  return (chunk) => {
    if (chunk.type === 'start' && dropStart) {
      const { messageMetadata } = chunk;
      return messageMetadata == null ? undefined : { type: 'message-metadata', messageMetadata };
    }
    if (chunk.type !== 'start-step' || !isStepDue) return chunk;
    isStepDue = false;
    return;
  };
}

/** The conversation that the model sees: the history, and what of the answer is to go on from. */
export async function continuationMessages(
  history: readonly UIMessage[],
  start: RunStart,
  { seen, isCut }: ContinuationPlan,
  chunks: readonly UIMessageChunk[],
): Promise<{ readonly messages: UIMessage[]; readonly message: UIMessage | undefined }> {
  const continued = continuedBy(start);
  if (seen === undefined) return { messages: [...history], message: continued };
  const { messageId } = start;
  const shown = chunks.slice(0, seen === 'all' ? chunks.length : seen);
  const folded = await foldMessage({ ...(continued && { message: continued }), messageId, chunks: shown });
  if (folded.parts.length === 0) return { messages: [...history], message: continued };
  const message = isCut ? withoutStoredItems(folded) : folded;
  const at = history.findIndex(({ id }) => id === messageId);
  return { messages: at < 0 ? [...history, message] : history.with(at, message), message };
}

/** The parts of the last step without ids of items that the provider may not have stored. */
function withoutStoredItems(message: UIMessage): UIMessage {
  const lastStep = message.parts.findLastIndex(({ type }) => type === 'step-start');
  const parts = message.parts.map((part, index) => (index < lastStep ? part : withoutStoredItem(part)));
  return { ...message, parts };
}

function withoutStoredItem(part: UIMessage['parts'][number]): UIMessage['parts'][number] {
  const field = isToolUIPart(part) ? 'callProviderMetadata' : 'providerMetadata';
  const metadata = (part as unknown as Record<string, Record<string, Record<string, unknown>> | undefined>)[field];
  const stripped = metadata && withoutItemIds(metadata);
  return stripped ? ({ ...part, [field]: stripped } as typeof part) : part;
}
