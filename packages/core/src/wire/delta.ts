import type { UIMessageChunk } from 'ai';

/** A chunk as what it is on the wire: a `type` and whatever else. */
export type LooseChunk = { readonly type: string } & Readonly<Record<string, unknown>>;

const deltas: Readonly<Record<string, { readonly id: string; readonly text: string }>> = {
  'text-delta': { id: 'id', text: 'delta' },
  'reasoning-delta': { id: 'id', text: 'delta' },
  'tool-input-delta': { id: 'toolCallId', text: 'inputTextDelta' },
};

/** The names of the fields of a kind of delta: the id of its part, and its text. `undefined` for a type that is no delta. */
export function deltaFields(type: string): { readonly id: string; readonly text: string } | undefined {
  return Object.hasOwn(deltas, type) ? deltas[type] : undefined;
}

/** Whether the chunk adds text to a part, and may therefore wait for more. */
export function isDelta(chunk: UIMessageChunk): boolean {
  return Object.hasOwn(deltas, chunk.type);
}

/**
 * Names the part that a delta adds to; deltas with the same key may merge when nothing that touches the part is between them.
 * `undefined` for every other chunk, and for a delta with fields that we do not know: these travel as they are.
 */
export function deltaKey(chunk: UIMessageChunk): string | undefined {
  if (!isDelta(chunk)) return;
  const loose = chunk as LooseChunk;
  const { id, text } = deltas[chunk.type] as { id: string; text: string };
  if (typeof loose[id] !== 'string' || typeof loose[text] !== 'string') return;
  for (const field in loose) {
    const known = field === 'type' || field === id || field === text;
    if (!known && (field !== 'providerMetadata' || chunk.type === 'tool-input-delta')) return;
  }
  return `${chunk.type}:${loose[id]}`;
}

/** The text of a delta that has a `deltaKey`. */
export function deltaText(chunk: UIMessageChunk): string {
  return (chunk as LooseChunk)[deltas[chunk.type]?.text ?? ''] as string;
}

/** One delta for two with the same `deltaKey`: the fold takes the later provider metadata unless that is null. */
export function mergeDeltas(first: UIMessageChunk, second: UIMessageChunk): UIMessageChunk {
  const text = deltas[first.type]?.text ?? '';
  const providerMetadata = (second as LooseChunk).providerMetadata ?? (first as LooseChunk).providerMetadata;
  return {
    ...first,
    [text]: deltaText(first) + deltaText(second),
    ...(providerMetadata == null ? {} : { providerMetadata }),
  } as UIMessageChunk;
}

/** `mergeDeltas` over several. Joined at once: a text that grew piece by piece keeps all its pieces in memory. */
function mergeAll(chunks: readonly UIMessageChunk[]): UIMessageChunk {
  const first = chunks[0] as UIMessageChunk;
  const { providerMetadata } = (chunks.findLast((chunk) => (chunk as LooseChunk).providerMetadata != null) ??
    {}) as Partial<LooseChunk>;
  return {
    ...first,
    [deltas[first.type]?.text ?? '']: chunks.map(deltaText).join(''),
    ...(providerMetadata == null ? {} : { providerMetadata }),
  } as UIMessageChunk;
}

/** The same chunks with neighbours that have the same `deltaKey` merged. */
export function mergeNeighbours(chunks: readonly UIMessageChunk[]): UIMessageChunk[] {
  const merged: UIMessageChunk[] = [];
  for (let from = 0; from < chunks.length; ) {
    const chunk = chunks[from] as UIMessageChunk;
    const key = deltaKey(chunk);
    let until = from + 1;
    while (key !== undefined && until < chunks.length && deltaKey(chunks[until] as UIMessageChunk) === key) until += 1;
    merged.push(until > from + 1 ? mergeAll(chunks.slice(from, until)) : chunk);
    from = until;
  }
  return merged;
}
