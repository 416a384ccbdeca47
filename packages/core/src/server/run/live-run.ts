import type { Clock } from '../../clock.ts';
import type { RunRecord, SteerCommand } from '../../log/run-log.ts';
import type { LogFrame } from '../../wire/frame.ts';
import { Notifier } from './notifier.ts';

/** How much of a live run is kept in memory for its readers, in bytes of JSON, its newest frame aside. A slower reader reads from the log. */
const maxLiveBytes = 256 * 1024;

/** A run whose writer is in this process: its newest frames, and the way to its writer. */
export class LiveRun {
  readonly record: RunRecord;
  /** Resolves at every frame and at the end. */
  readonly changed: Notifier;
  /** Set when the run is over and the log says so. */
  ended: RunRecord | undefined;
  /** Whether this process has stopped writing, with or without an end. */
  closed = false;
  /** Tells the writer of a cancel. */
  onCancel: () => void = () => {};
  /** Hands a steer to the writer; resolves when its outcome is in the log. */
  onSteer: (steer: SteerCommand) => Promise<void> = async () => {};
  /** Ends the run as `deadline`. */
  onShutdown: () => void = () => {};
  #frames: { readonly frame: LogFrame; readonly bytes: number }[] = [];
  #bytes = 0;
  #next = 0;
  /** How many offsets the log is known to have, by whoever has read it there; without end once the run is over. */
  #logged = 0;

  constructor(record: RunRecord, clock: Clock) {
    this.record = record;
    this.#next = record.next;
    this.changed = new Notifier(clock);
  }

  /** The number of offsets that the log has acknowledged. */
  get next(): number {
    return this.#next;
  }

  /** Whether the log has more than its writer knows: an answer to the writer is lost, or on its way. */
  get isBehind(): boolean {
    return this.#logged > this.#next;
  }

  /** Takes the run's record, as the log has answered it to anybody. */
  noteLogged({ next, end }: RunRecord): void {
    this.#logged = end ? Number.POSITIVE_INFINITY : Math.max(this.#logged, next);
  }

  /** Takes a frame that the log has acknowledged; `bytes` is the size of its chunks as JSON. */
  push(frame: LogFrame, bytes: number): void {
    this.#frames.push({ frame, bytes });
    this.#bytes += bytes;
    this.#next = frame.next;
    while (this.#frames.length > 1 && this.#bytes > maxLiveBytes) {
      this.#bytes -= this.#frames.shift()?.bytes ?? 0;
    }
    this.changed.notify();
  }

  /** The frames from `from` on; `undefined` when they are no longer here, or `from` is inside one. */
  framesFrom(from: number): readonly LogFrame[] | undefined {
    if (from === this.#next) return [];
    // From the end: a reader is close to it.
    const index = this.#frames.findLastIndex(({ frame }) => frame.at === from);
    return index < 0 ? undefined : this.#frames.slice(index).map(({ frame }) => frame);
  }

  /** This process has stopped writing. Without `ended`, readers ask the log. */
  close(ended: RunRecord | undefined): void {
    this.ended = ended;
    this.closed = true;
    this.changed.notify();
  }
}
