import type { ChunksFrame, EndFrame, PointerFrame, StartFrame } from '../wire/frame.ts';

/** How many frames of the newest run are kept for a stream that opens a moment later. What falls out is read from the log. */
const maxRecentFrames = 256;

/** The newest run's frames, from whatever path they came. */
export class RecentRun {
  #start: StartFrame | undefined;
  #frames: (ChunksFrame | PointerFrame | EndFrame)[] = [];

  begin(frame: StartFrame): void {
    if (frame.turn <= (this.#start?.turn ?? 0)) return;
    this.#start = frame;
    this.#frames = [];
  }

  add(frame: ChunksFrame | PointerFrame | EndFrame): void {
    if (this.#start?.run !== frame.run) return;
    // The end is kept in any case: it says that something is missing where no frame follows.
    if ('end' in frame || this.#frames.length < maxRecentFrames) this.#frames.push(frame);
  }

  /** What came of a run. */
  framesOf(runId: string): readonly (ChunksFrame | PointerFrame | EndFrame)[] {
    return this.#start?.run === runId ? this.#frames : [];
  }

  /**
   * The run's turn, where it can be streamed from its beginning without a request; not where it goes on in an assistant message that exists
   * already, or may do so: others may be in front of it that have changed, too.
   */
  turnOf(runId: string | undefined): number | undefined {
    if (!runId || this.#start?.run !== runId) return;
    const { turn, start } = this.#start;
    return start.tail?.every(({ id }) => id !== start.messageId) ? turn : undefined;
  }

  forget(): void {
    this.#start = undefined;
    this.#frames = [];
  }
}
