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
  if (!isKnown(plain.type)) return plain;
  const result = await safeValidateTypes({ value: plain, schema: uiMessageChunkSchema });
  if (result.success) return plain;
  throw refused(`a chunk "${plain.type}" that the AI SDK's schema refuses.`, result.error);
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
