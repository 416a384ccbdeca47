import type { UIMessageChunk } from 'ai';
import { mergeNeighbours } from '../../wire/delta.ts';

/** How much of a run is kept here, in characters of JSON. A longer run is read from the log. */
const maxWholeLength = 512 * 1024;
/** How many chunks may come before neighbours are merged again. */
const mergeEvery = 512;

/** All that a live run has written, small: for readers that begin at its start, who would else read every frame from the log. */
export class WholeRun {
  #chunks: UIMessageChunk[] | undefined = [];
  #length = 0;
  #added = 0;

  /** Takes the chunks of a frame; `bytes` is their size as JSON. */
  push(chunks: readonly UIMessageChunk[], bytes: number): void {
    if (!this.#chunks) return;
    this.#chunks.push(...chunks);
    this.#length += bytes;
    this.#added += chunks.length;
    if (this.#added >= mergeEvery || this.#length > maxWholeLength) this.#merge();
  }

  /** Everything so far; `undefined` when it was too much to keep. */
  read(): readonly UIMessageChunk[] | undefined {
    return this.#chunks && mergeNeighbours(this.#chunks);
  }

  #merge(): void {
    this.#chunks = mergeNeighbours(this.#chunks ?? []);
    this.#added = 0;
    this.#length = JSON.stringify(this.#chunks).length;
    // Half: what can hardly be merged would else be merged at every frame.
    if (this.#length > maxWholeLength / 2) this.#chunks = undefined;
  }
}
