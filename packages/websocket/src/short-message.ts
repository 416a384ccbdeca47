/** What a short message begins with; a frame begins with `{`. */
export const shortMark = '+';

interface OneDelta {
  at: number;
  next: number;
  readonly chunks: readonly [Record<string, unknown>];
}

/**
 * The frame that `short` stands for: `previous` once more, one offset on, with another text in its one delta.
 * PROTOCOL.md section 10.3. Throws where the two do not fit together.
 */
export function expandMessage(previous: string, short: string): string {
  const frame = JSON.parse(previous) as OneDelta;
  const [chunk] = frame.chunks;
  frame.at = frame.next;
  frame.next += 1;
  chunk['inputTextDelta' in chunk ? 'inputTextDelta' : 'delta'] = JSON.parse(short.slice(1));
  return JSON.stringify(frame);
}

/** The short form of `message` for a reader that has `previous`; `undefined` where there is none. */
export function shortenMessage(previous: string | undefined, message: string): string | undefined {
  // Long texts gain nothing, and most frames of an answer are short.
  if (previous === undefined || message.length > maxShortenedLength) return;
  try {
    const { delta, inputTextDelta = delta } = (JSON.parse(message) as OneDelta).chunks[0];
    const short = shortMark + JSON.stringify(inputTextDelta);
    return expandMessage(previous, short) === message ? short : undefined;
  } catch {
    // Either this or the message before it is not a frame with one delta.
    return;
  }
}

const maxShortenedLength = 2048;
