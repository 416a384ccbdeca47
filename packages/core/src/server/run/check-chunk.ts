import { safeValidateTypes } from '@ai-sdk/provider-utils';
import { type UIMessageChunk, uiMessageChunkSchema } from 'ai';
import { ChatTransportError } from '../../errors.ts';
import { deltaKey } from '../../wire/delta.ts';
import { withRequiredValues } from '../../wire/required-values.ts';

/**
 * A chunk of the model as it will be read from the log: what JSON makes of it, with `null` for values that must be there. Types that the AI SDK
 * does not know pass as they are.
 * @throws ChatTransportError `protocol`, which names the chunk's type, for a chunk that clients would refuse: stored, it would make every later
 * send of the chat fail.
 */
export async function checkChunk(value: unknown): Promise<UIMessageChunk> {
  if (typeof value !== 'object' || value === null || typeof (value as { type?: unknown }).type !== 'string') {
    throw refused(`a ${value === null ? 'null' : typeof value} where a chunk with a "type" belongs.`);
  }
  const chunk = value as UIMessageChunk;
  // Most chunks are deltas of strings alone: JSON changes nothing about them.
  if (deltaKey(chunk) !== undefined && !('providerMetadata' in chunk)) return chunk;
  const plain = withRequiredValues(asJson(chunk));
  if (hasKnownShape(plain) || !isKnown(plain.type)) return plain;
  const result = await safeValidateTypes({ value: plain, schema: uiMessageChunkSchema });
  if (result.success) return plain;
  throw refused(`a chunk "${plain.type}" that the AI SDK's schema refuses.`, result.error);
}

type Kind = 'string' | 'boolean' | 'any';

/** The fields of a type that every release of the AI SDK takes: which ones must be there, and which ones may. */
interface Shape {
  readonly must: Readonly<Record<string, Kind>>;
  readonly may?: Readonly<Record<string, Kind>>;
}

const part: Shape = { must: { id: 'string' } };
const delta: Shape = { must: { id: 'string', delta: 'string' } };
const ofProvider = { providerExecuted: 'boolean' } as const;
const data: Shape = { must: { data: 'any' }, may: { id: 'string', transient: 'boolean' } };
const shapes: Readonly<Record<string, Shape>> = {
  start: { must: {}, may: { messageId: 'string', messageMetadata: 'any' } },
  'start-step': { must: {} },
  'finish-step': { must: {} },
  'text-start': part,
  'text-delta': delta,
  'text-end': part,
  'reasoning-start': part,
  'reasoning-delta': delta,
  'reasoning-end': part,
  'tool-input-start': { must: { toolCallId: 'string', toolName: 'string' }, may: ofProvider },
  'tool-input-delta': { must: { toolCallId: 'string', inputTextDelta: 'string' } },
  'tool-input-available': { must: { toolCallId: 'string', toolName: 'string', input: 'any' }, may: ofProvider },
  'tool-output-available': { must: { toolCallId: 'string', output: 'any' }, may: ofProvider },
};

/** Whether the chunk has nothing but fields of its shape. Such a chunk is valid, and the AI SDK's schema takes much longer to say so. */
function hasKnownShape(chunk: UIMessageChunk): boolean {
  const shape = chunk.type.startsWith('data-') ? data : Object.hasOwn(shapes, chunk.type) && shapes[chunk.type];
  if (!shape) return false;
  let left = Object.keys(shape.must).length;
  for (const [field, value] of Object.entries(chunk)) {
    if (field === 'type') continue;
    const isRequired = Object.hasOwn(shape.must, field);
    const kind = isRequired ? shape.must[field] : shape.may && Object.hasOwn(shape.may, field) && shape.may[field];
    if (!kind || (kind !== 'any' && typeof value !== kind)) return false;
    if (isRequired) left -= 1;
  }
  return left === 0;
}

function asJson(chunk: UIMessageChunk): UIMessageChunk {
  try {
    return JSON.parse(JSON.stringify(chunk));
  } catch (cause) {
    throw refused(`a chunk "${chunk.type}" that is no JSON.`, cause);
  }
}

function isKnown(type: string): boolean {
  return type.startsWith('data-') || Object.hasOwn(knownTypes, type);
}

const knownTypes: Readonly<Record<Exclude<UIMessageChunk['type'], `data-${string}`>, true>> = {
  'text-start': true,
  'text-delta': true,
  'text-end': true,
  'reasoning-start': true,
  'reasoning-delta': true,
  'reasoning-end': true,
  'tool-input-start': true,
  'tool-input-delta': true,
  'tool-input-available': true,
  'tool-input-error': true,
  'tool-approval-request': true,
  'tool-approval-response': true,
  'tool-output-available': true,
  'tool-output-error': true,
  'tool-output-denied': true,
  'source-url': true,
  'source-document': true,
  file: true,
  'reasoning-file': true,
  custom: true,
  'steering-message': true,
  'start-step': true,
  'finish-step': true,
  'reset-step': true,
  start: true,
  finish: true,
  abort: true,
  error: true,
  'message-metadata': true,
};

function refused(what: string, cause?: unknown): ChatTransportError {
  return new ChatTransportError({ code: 'protocol', message: `respond gave ${what}`, cause });
}
