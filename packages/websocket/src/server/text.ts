/** The type of `TextDecoderStream` that `pipeThrough` takes: the DOM's and Node's declarations of it disagree. */
export type BytesToText = ReadableWritablePair<string, Uint8Array<ArrayBuffer>>;

/** The JSON value, or `undefined` for text that is not JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
