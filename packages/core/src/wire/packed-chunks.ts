import type { UIMessageChunk } from 'ai';
import { deltaFields, type LooseChunk } from './delta.ts';

/** Two or more adjacent deltas of one part: their type, the part's id, and the text of each. */
type PackedDeltas = readonly [type: string, id: string, ...texts: string[]];

/** What a packed frame carries: a chunk as it is, or adjacent deltas that share one entry. PROTOCOL.md section 2.2. */
export type PackedEntry = UIMessageChunk | PackedDeltas;

/** The same chunks with adjacent deltas in one entry; `undefined` where no two can share one. Loses nothing: each delta keeps its offset. */
export function packChunks(chunks: readonly UIMessageChunk[]): PackedEntry[] | undefined {
  const packed: PackedEntry[] = [];
  for (let from = 0; from < chunks.length; ) {
    const chunk = chunks[from] as UIMessageChunk;
    const delta = plainDelta(chunk);
    const texts: string[] = [];
    for (let next = delta; next && delta && next.type === delta.type && next.id === delta.id; ) {
      texts.push(next.text);
      next = plainDelta(chunks[from + texts.length]);
    }
    packed.push(delta && texts.length > 1 ? [delta.type, delta.id, ...texts] : chunk);
    from += Math.max(texts.length, 1);
  }
  return packed.length < chunks.length ? packed : undefined;
}

/**
 * The chunks of packed entries from text that nobody vouches for. What is no list stays a chunk, and is checked as one.
 * @throws TypeError for a list that is no packed deltas.
 */
export function unpackChunks(entries: readonly unknown[]): UIMessageChunk[] {
  return entries.flatMap((entry) => {
    if (!Array.isArray(entry)) return entry as UIMessageChunk;
    const [type, id, ...texts] = entry;
    const fields = deltaFields(type);
    if (!fields || texts.length < 2 || ![id, ...texts].every((text) => typeof text === 'string')) {
      throw new TypeError('Not packed deltas.');
    }
    return texts.map((text) => ({ type, [fields.id]: id, [fields.text]: text }) as unknown as UIMessageChunk);
  });
}

/** A delta's three fields, where it has no others. */
function plainDelta(chunk: UIMessageChunk | undefined): { type: string; id: string; text: string } | undefined {
  const fields = chunk && deltaFields(chunk.type);
  if (!fields) return;
  const { type, [fields.id]: id, [fields.text]: text, ...others } = chunk as LooseChunk;
  if (typeof id !== 'string' || typeof text !== 'string') return;
  return Object.values(others).every((value) => value === undefined) ? { type, id, text } : undefined;
}
