import type { UIMessageChunk } from 'ai';
import type { LooseChunk } from './delta.ts';

/** The field of a chunk that may have any value and must be there. */
const required: Readonly<Record<string, string>> = {
  'tool-input-available': 'input',
  'tool-input-error': 'input',
  'tool-output-available': 'output',
};

/**
 * The chunk with `null` where JSON has dropped a value that the AI SDK's schema requires: a tool's output or input, or data, that is `undefined`.
 * Stock clients fail at a chunk without it.
 * @source `uiMessageChunkSchema` of ai 7.0.173 under zod 4.4 and newer (read 2026-11-28)
 */
export function withRequiredValues(chunk: UIMessageChunk): UIMessageChunk {
  const field = required[chunk.type] ?? (chunk.type.startsWith('data-') ? 'data' : undefined);
  return field === undefined || (chunk as LooseChunk)[field] !== undefined ? chunk : { ...chunk, [field]: null };
}
