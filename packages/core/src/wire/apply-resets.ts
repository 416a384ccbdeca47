import type { UIMessageChunk } from 'ai';

/** Chunks of which nothing is left once their step is taken back, as long as they concern that step alone. */
const ofStep = /^(text|reasoning|tool|source)-|^(file|custom)$/;
const isShown = /^(text|reasoning|tool|source|data)-|^(file|custom|steering-message|message-metadata)$/;

/**
 * Leaves out what resets have taken back, and the resets: `ai` below 7.0.70 fails a stream with a `reset-step` in it. Only where that folds to the identical message for
 * certain: a step of which something reaches outside of it stays as it is.
 */
export function applyResets(chunks: readonly UIMessageChunk[]): readonly UIMessageChunk[] {
  if (!chunks.some(({ type }) => type === 'reset-step')) return chunks;
  const kept: UIMessageChunk[] = [];
  let stepAt = -1;
  const lastShown = chunks.findLastIndex(({ type }) => isShown.test(type));
  for (const [index, chunk] of chunks.entries()) {
    if (chunk.type === 'start-step') stepAt = kept.length;
    if (chunk.type === 'finish-step' || chunk.type === 'start') stepAt = -1;
    // What follows shows the step. Without that, it would not be shown at all.
    const isLast = index > lastShown;
    if (chunk.type === 'reset-step' && stepAt >= 0 && !isLast && mayLeaveOut(kept, stepAt)) kept.length = stepAt + 1;
    else kept.push(chunk);
  }
  return kept;
}

/** Whether the chunks behind a step's start may go: they have changed nothing in front of it, and nothing there is open, which the reset would have closed. */
function mayLeaveOut(kept: readonly UIMessageChunk[], stepAt: number): boolean {
  const step = kept.slice(stepAt + 1);
  const before = kept.slice(0, stepAt);
  if (hasOpenParts(before)) return false;
  const known = new Set(before.map(idOf));
  // A call that exists before is not this step's; a call without an input here is not either.
  const own = new Set(step.filter(({ type }) => /^tool-input-(start|available|error)$/.test(type)).map(idOf));
  return step.every((chunk) => {
    if (chunk.type.startsWith('data-')) return 'transient' in chunk && chunk.transient === true;
    if (!ofStep.test(chunk.type) || chunk.type.startsWith('tool-approval')) return false;
    return !chunk.type.startsWith('tool-') || (own.has(idOf(chunk)) && !known.has(idOf(chunk)));
  });
}

function hasOpenParts(chunks: readonly UIMessageChunk[]): boolean {
  const open = new Set<string>();
  for (const chunk of chunks) {
    const [kind, what, event] = chunk.type.split('-');
    if (what === 'start' && 'id' in chunk) open.add(`${kind}:${chunk.id}`);
    if (what === 'end' && 'id' in chunk) open.delete(`${kind}:${chunk.id}`);
    if (chunk.type === 'tool-input-start') open.add(`tool:${chunk.toolCallId}`);
    if (kind === 'tool' && event !== 'start' && event !== 'delta' && 'toolCallId' in chunk) {
      open.delete(`tool:${chunk.toolCallId}`);
    }
    if (chunk.type === 'start' || chunk.type === 'reset-step') open.clear();
  }
  return open.size > 0;
}

function idOf(chunk: UIMessageChunk): string | undefined {
  return 'toolCallId' in chunk ? chunk.toolCallId : undefined;
}
