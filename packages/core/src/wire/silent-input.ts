import type { UIMessageChunk } from 'ai';
import type { LooseChunk } from './delta.ts';

type InputAvailable = Extract<UIMessageChunk, { type: 'tool-input-available' }>;
type InputStart = Extract<UIMessageChunk, { type: 'tool-input-start' }>;

/**
 * The chunks that need no cleaning in front of them: those that overwrite all that the streamed form of an input leaves behind, and those about
 * an approval. These keep what is there, and a cleaning output would stay in the message, where the AI SDK's schema refuses it: with them, the
 * part keeps `rawInput`, which nothing reads.
 */
const cleaning: ReadonlySet<string | undefined> = new Set([
  'tool-output-available',
  'tool-input-error',
  'tool-input-start',
  'tool-input-available',
  'tool-approval-request',
  'tool-approval-response',
  'tool-output-denied',
]);

/**
 * Encodes a call's input as chunks for which stock clients do not run `onToolCall`: as if it was still being streamed.
 * `fresh` is the call's `tool-input-start` when nothing but the input stands behind it; `next` the type of the chunk that touches
 * the part next. Sound only in front of a chunk that ends the `input-streaming` state.
 */
export function silentInput(
  chunk: InputAvailable,
  fresh: InputStart | undefined,
  next: string | undefined,
): UIMessageChunk[] {
  const { input, ...rest } = chunk;
  const start: InputStart = { ...rest, type: 'tool-input-start' };
  delete start.inputEncoding;
  const rawText = fresh?.inputEncoding === 'text';
  const keepsEncoding = keepsRawInput(next) && fresh?.inputEncoding !== undefined;
  const covered = fresh && !keepsEncoding && covers(fresh, start) && (!rawText || typeof input === 'string');
  return [
    ...(covered ? [] : [start]),
    ...inputChunks(chunk, covered === true && rawText),
    // An error keeps `rawInput`: an output removes it, and the error removes the output.
    ...(cleaning.has(next) ? [] : [cleaningOutput(chunk.toolCallId)]),
  ];
}

function inputChunks({ toolCallId, toolName, input }: InputAvailable, rawText: boolean): UIMessageChunk[] {
  if (input === undefined) return [];
  if (rawText) return [{ type: 'tool-input-delta', toolCallId, inputTextDelta: input as string }];
  if (survivesPartialJson(input)) {
    return [{ type: 'tool-input-delta', toolCallId, inputTextDelta: JSON.stringify(input) }];
  }
  // The parser would drop this input. An input error carries any value; what follows overwrites the error.
  return [{ type: 'tool-input-error', toolCallId, toolName, input, errorText: '' }];
}

/** Removes `rawInput` of a part in front of a `tool-output-error`, which removes the output. */
export function cleaningOutput(toolCallId: string): UIMessageChunk {
  return { type: 'tool-output-available', toolCallId, output: null };
}

/** Whether a silent input keeps its `rawInput` behind `next`. */
export function keepsRawInput(next: string | undefined): boolean {
  return next?.startsWith('tool-approval-') || next === 'tool-output-denied';
}

/** Whether an input can be encoded silently in front of `next`: what an approval or denial would keep must be valid. */
export function canBeSilent({ input }: InputAvailable, next: string | undefined): boolean {
  return !keepsRawInput(next) || input === undefined || survivesPartialJson(input);
}

/** Whether a second start would change nothing that `fresh` has not set. */
function covers(fresh: InputStart, start: InputStart): boolean {
  for (const [field, value] of Object.entries(start)) {
    if (field === 'dynamic' || value === undefined) continue;
    if (JSON.stringify(value) !== JSON.stringify((fresh as LooseChunk)[field])) return false;
  }
  return true;
}

/** Whether the AI SDK's parser of partial JSON gives the value back: plain JSON without keys that can reach a prototype. */
function survivesPartialJson(root: unknown): boolean {
  const rest = [root];
  while (rest.length > 0) {
    const value = rest.pop();
    if (value === null || typeof value === 'string' || typeof value === 'boolean') continue;
    if (typeof value === 'number') {
      if (!Number.isFinite(value) || Object.is(value, -0)) return false;
    } else if (Array.isArray(value)) {
      for (const item of value) rest.push(item);
    } else if (isPlain(value)) {
      for (const key of Object.keys(value)) {
        if (key === '__proto__' || key === 'constructor' || key === 'toJSON') return false;
        rest.push(value[key]);
      }
    } else {
      return false;
    }
  }
  return true;
}

function isPlain(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
