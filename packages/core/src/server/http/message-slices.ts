import type { UIMessage } from 'ai';

/** How many parts a slice has at most. The AI SDK's validator takes some milliseconds for them. */
export const maxSliceParts = 1000;

/**
 * The messages in slices of at most `maxSliceParts` parts. A message with more of them is in several slices, each with a piece of its parts. What is no
 * message counts as one part; an empty list is one slice.
 */
export function inSlices(messages: readonly unknown[]): readonly (readonly unknown[])[] {
  const slices: unknown[][] = [[]];
  let size = 0;
  for (const piece of messages.flatMap(piecesOf)) {
    const parts = Math.max(1, partsOf(piece).length);
    if (size > 0 && size + parts > maxSliceParts) {
      slices.push([]);
      size = 0;
    }
    slices.at(-1)?.push(piece);
    size += parts;
  }
  return slices;
}

/** Puts together what became of the pieces of `messages`, in their order. */
export function joined(messages: readonly unknown[], pieces: readonly UIMessage[]): UIMessage[] {
  let next = 0;
  return messages.map((message) => {
    const count = piecesOf(message).length;
    const own = pieces.slice(next, next + count);
    next += count;
    const [first] = own as [UIMessage];
    return count === 1 ? first : { ...first, parts: own.flatMap(({ parts }) => parts) };
  });
}

function piecesOf(message: unknown): unknown[] {
  const parts = partsOf(message);
  if (parts.length <= maxSliceParts) return [message];
  const count = Math.ceil(parts.length / maxSliceParts);
  return Array.from({ length: count }, (_, index) => ({
    ...(message as object),
    parts: parts.slice(index * maxSliceParts, (index + 1) * maxSliceParts),
  }));
}

/** A message's parts; none of what is no message. */
export function partsOf(message: unknown): readonly unknown[] {
  const parts = (message as { readonly parts?: unknown } | null | undefined)?.parts;
  return Array.isArray(parts) ? parts : [];
}
