import type { LogFrame, RunRecord } from '@chat-transport/core/provider';
import { unfinishedToolText } from '@chat-transport/core/server';
import type { UIMessageChunk } from 'ai';
import { isSameJson, json } from './json.ts';
import type { World } from './world.ts';

/** The chunks of one writer of a run, as the log has them. */
interface Part {
  readonly attempt: number;
  readonly chunks: UIMessageChunk[];
}

/** Whether each writer of a run has written what its own model said, in order, and nothing else. Answers what is wrong. */
export function compareWithModels({ ledger }: World, run: RunRecord, frames: readonly LogFrame[]): string[] {
  const wrong: string[] = [];
  const parts: Part[] = [];
  for (const { at, chunks } of frames) {
    const fence = ledger.appended.get(run.runId)?.get(at) ?? '';
    const attempt = ledger.attempts.get(fence) ?? 0;
    const last = parts.at(-1);
    if (last && attempt < last.attempt) wrong.push(`writer ${attempt} wrote behind writer ${last.attempt}`);
    if (last?.attempt === attempt) last.chunks.push(...chunks);
    else parts.push({ attempt, chunks: [...chunks] });
  }
  for (const { attempt, chunks } of parts) {
    const script = ledger.scripts.get(run.runId)?.find((said) => said.attempt === attempt);
    const isLast = attempt === run.attempt;
    const written = merged(chunks.filter(({ type }) => type !== 'tool-approval-response'));
    if (attempt > 1) written.splice(0, countPlanned(written));
    if (!script) {
      if (written.length > 0 && attempt > 1) wrong.push(`writer ${attempt} wrote ${json(written[0])} without a model`);
      continue;
    }
    const own = merged(script.chunks);
    const said = begunEarly(attempt > 1 ? rejoined(own, written) : own, written);
    const lack = compareWithScript(written, said, script, isLast ? run.end?.reason : undefined);
    if (lack) wrong.push(`writer ${attempt}: ${lack}`);
  }
  return wrong;
}

/** How many chunks a later writer begins with that make the log whole: no model begins with one of these. */
function countPlanned(written: readonly UIMessageChunk[]): number {
  const at = written.findIndex((chunk) => !plannedTypes.has(chunk.type));
  return at < 0 ? written.length : at;
}

const plannedTypes: ReadonlySet<string> = new Set([
  ...['reset-step', 'text-end', 'reasoning-end', 'tool-input-error', 'tool-output-error', 'tool-output-available'],
  ...['finish-step', 'finish', 'error', 'abort'],
]);

/** What a later model said, as it goes on in a message that has a start already, and may have an open step. */
function rejoined(said: readonly UIMessageChunk[], written: readonly UIMessageChunk[]): UIMessageChunk[] {
  const [first, ...rest] = said;
  if (first?.type !== 'start' || written[0]?.type === 'start') return [...said];
  const joined: UIMessageChunk[] = [{ type: 'message-metadata', messageMetadata: first.messageMetadata }, ...rest];
  const begins = (chunks: readonly UIMessageChunk[]): number =>
    chunks.findIndex(({ type }) => type !== 'message-metadata' && type !== 'steering-message');
  const at = begins(joined);
  const continued = written[begins(written)];
  const isOpen = continued !== undefined && continued.type !== 'start-step' && joined[at]?.type === 'start-step';
  return isOpen ? joined.filter((_, index) => index !== at) : joined;
}

/** What a model said whose approved call ran in front of its `start`: the message had begun then. */
function begunEarly(said: readonly UIMessageChunk[], written: readonly UIMessageChunk[]): readonly UIMessageChunk[] {
  const [own, next] = written;
  const [first, ...rest] = said;
  const isOwn = own?.type === 'start' && own.messageMetadata === undefined;
  if (first?.type !== 'start' || !isOwn || (next && next.type !== 'message-metadata')) return said;
  const { messageMetadata } = first;
  return [{ type: 'start' }, { type: 'message-metadata', messageMetadata }, ...rest];
}

/** Whether steps open and close in turn, and the message begins once. Answers what does not. */
export function judgeShape(chunks: readonly UIMessageChunk[]): string[] {
  const wrong: string[] = [];
  let isOpen = false;
  for (const [at, { type }] of chunks.entries()) {
    if (type === 'start' && at > 0) wrong.push(`chunk ${at} begins the message again`);
    if (type === 'start-step' && isOpen) wrong.push(`chunk ${at} begins a step in another one`);
    if ((type === 'finish-step' || type === 'reset-step') && !isOpen) wrong.push(`chunk ${at}, ${type}, has no step`);
    if (type === 'start-step') isOpen = true;
    if (type === 'finish-step') isOpen = false;
  }
  return wrong;
}

function compareWithScript(
  written: readonly UIMessageChunk[],
  said: readonly UIMessageChunk[],
  script: { readonly chunks: readonly UIMessageChunk[]; readonly end: string },
  reason: string | undefined,
): string | undefined {
  const kept = written.filter((chunk) => !ownTypes.has(chunk.type) && !isClosing(chunk));
  for (const [at, chunk] of kept.entries()) {
    const original = said[at];
    const isLast = at === kept.length - 1;
    if (original && sameChunk(original, chunk, isLast && reason !== 'finish')) continue;
    return `chunk ${at} is ${json(chunk)}, the model said ${json(original)}`;
  }
  if (reason === 'finish' && script.end !== 'close') return 'the model failed';
  if ((reason === 'finish' || reason === 'error') && kept.length < said.length && script.chunks.length > 0) {
    if (reason === 'finish') return `${kept.length} of ${said.length} chunks`;
  }
  return;
}

/** What the writer says itself about how the run ended. */
const ownTypes: ReadonlySet<string> = new Set(['error', 'abort']);

/** What the writer says itself to close a tool call. */
function isClosing(chunk: UIMessageChunk): boolean {
  return chunk.type === 'tool-output-error' && chunk.errorText === unfinishedToolText;
}

function sameChunk(original: UIMessageChunk, chunk: UIMessageChunk, isPart: boolean): boolean {
  if (original.type === 'start' && chunk.type === 'start')
    return isSameJson({ ...original, messageId: chunk.messageId }, chunk);
  if (isPart && 'delta' in original && 'delta' in chunk && typeof original.delta === 'string')
    return (
      original.delta.startsWith(String(chunk.delta)) && 'id' in original && 'id' in chunk && original.id === chunk.id
    );
  if (isPart && original.type === 'tool-input-delta' && chunk.type === 'tool-input-delta')
    return original.toolCallId === chunk.toolCallId && original.inputTextDelta.startsWith(chunk.inputTextDelta);
  return isSameJson(original, chunk);
}

/** Adjacent deltas of one part as one: where frames end is nobody's business. */
function merged(chunks: readonly UIMessageChunk[]): UIMessageChunk[] {
  const result: UIMessageChunk[] = [];
  for (const chunk of chunks) {
    const last = result.at(-1);
    if (last?.type === 'tool-input-delta' && chunk.type === last.type && chunk.toolCallId === last.toolCallId)
      result[result.length - 1] = { ...last, inputTextDelta: last.inputTextDelta + chunk.inputTextDelta };
    else if (
      (last?.type === 'text-delta' || last?.type === 'reasoning-delta') &&
      chunk.type === last.type &&
      chunk.id === last.id
    )
      result[result.length - 1] = { ...last, delta: last.delta + chunk.delta };
    else result.push(chunk);
  }
  return result;
}
