import type { UIMessage, UIMessageChunk } from 'ai';
import { ChatTransportError } from '../../errors.ts';
import type { RunKey, RunRecord } from '../../log/run-log.ts';
import { mergeNeighbours } from '../../wire/delta.ts';
import { foldMessage } from '../../wire/fold.ts';
import type { LogFrame } from '../../wire/frame.ts';
import { continuedBy } from '../conversation/history.ts';
import { type Engine, keyOf } from '../engine.ts';
import { withCallsClosed } from './close-calls.ts';
import type { FairTurns } from './fair-turns.ts';
import { encodeSnapshot, type RunSnapshot } from './run-snapshot.ts';
import { SharedCalls } from './shared-calls.ts';

/** How much of runs this process keeps for their readers, in UTF-16 units of JSON. What was used longest ago goes first. */
export const maxKeptLength: number = 16 * 1024 * 1024;
/** How long a run is kept that nobody reads, in milliseconds. */
const keptForMs = 60_000;
/** How old the snapshot of a live run may be that a reader begins with, in milliseconds. The frames behind it follow. */
const snapshotAgeMs = 1000;
/** How many offsets may follow that snapshot one by one: behind a model in a hurry, a second old is far behind. */
const snapshotLagOffsets = 32;

/** All that the log had of a run at one moment. Shared by its readers: nobody may change it. */
export interface WholeRun {
  readonly run: RunRecord;
  /** The run's chunks, with neighbouring deltas merged. */
  readonly chunks: readonly UIMessageChunk[];
  /** How many offsets are in `chunks`. */
  readonly next: number;
}

/** What a run has written so far. */
export interface FoldedRun {
  /** Absent when it has written nothing. */
  readonly message?: UIMessage;
  /** How many offsets are in `message`. */
  readonly next: number;
  readonly run: RunRecord;
}

interface KeptRun extends WholeRun {
  readonly length: number;
  usedAtMs: number;
  snapshot?: RunSnapshot & { readonly madeAtMs: number };
  fold?: Promise<UIMessage>;
}

/**
 * Reads runs from their start, once for all who ask together, and keeps them: what was read before is not read again, merged again, folded
 * again or encoded again. Each read asks the log for what has come since, so a run that was deleted or is past its retention is not served.
 */
export class WholeRuns {
  readonly #engine: Pick<Engine, 'options' | 'live'>;
  readonly #turns: FairTurns;
  readonly #calls: SharedCalls;
  /** The one that was used longest ago first. */
  readonly #kept = new Map<string, KeptRun>();
  #length = 0;

  constructor(engine: Pick<Engine, 'options' | 'live'>, turns: FairTurns) {
    this.#engine = engine;
    this.#turns = turns;
    this.#calls = new SharedCalls(turns);
  }

  /** The run as the log has it now. @throws ChatTransportError as `RunLog.read`. */
  read(key: RunKey): Promise<WholeRun> {
    return this.#read(key);
  }

  /** What a reader begins with that has nothing yet. For a live run it may be a second old. @throws ChatTransportError as `RunLog.read`. */
  async snapshot(run: RunRecord): Promise<RunSnapshot> {
    const now = this.#engine.options.clock.now();
    const known = this.#kept.get(keyOf(run));
    const isWhole = run.end && known?.run.end && known.next === run.next;
    const isNear = known !== undefined && run.next - known.next <= snapshotLagOffsets;
    if (known?.snapshot && (isWhole || (!run.end && isNear && now - known.snapshot.madeAtMs < snapshotAgeMs))) {
      known.usedAtMs = now;
      return known.snapshot;
    }
    const whole = await this.#read(run);
    whole.snapshot ??= { ...encodeSnapshot(whole), madeAtMs: now };
    return whole.snapshot;
  }

  /** Folds the run; `undefined` when the log has dropped it. */
  async fold(run: RunRecord): Promise<FoldedRun | undefined> {
    try {
      const whole = await this.#read(run);
      const continued = continuedBy(run.start);
      if (whole.next === 0 && !(whole.run.end && continued)) return { next: 0, run: whole.run };
      const { messageId } = run.start;
      const chunks = withCallsClosed(whole.run, whole.chunks);
      whole.fold ??= foldMessage({ ...(continued && { message: continued }), messageId, chunks });
      return { message: await whole.fold, next: whole.next, run: whole.run };
    } catch (error) {
      if (isGone(error)) return;
      throw error;
    }
  }

  /** Lets go of a chat's runs: it was deleted. */
  forget(chatId: string): void {
    for (const id of this.#kept.keys()) if (id.startsWith(`${chatId}/`)) this.#drop(id);
  }

  async #read(key: RunKey): Promise<KeptRun> {
    const id = keyOf(key);
    return this.#calls.call(key.chatId, key.runId, async () => {
      try {
        return this.#keep(id, await this.#readOn(key, this.#kept.get(id)));
      } catch (error) {
        const known = this.#kept.has(id);
        this.#drop(id);
        // The log has lost the run and has another one in its place.
        const isOther = known && ChatTransportError.isInstance(error) && error.code === 'invalid-offset';
        if (isOther) return this.#keep(id, await this.#readOn(key, undefined));
        throw error;
      }
    });
  }

  async #readOn(key: RunKey, known: KeptRun | undefined): Promise<WholeRun> {
    const { options, live } = this.#engine;
    let next = known?.next ?? 0;
    const writing = live.get(keyOf(key));
    const fresh = writing && !writing.closed ? writing.framesFrom(next) : undefined;
    const frames: LogFrame[] = [...(fresh ?? [])];
    let run: RunRecord;
    if (writing && fresh) {
      next = frames.at(-1)?.next ?? next;
      run = { ...writing.record, next };
    } else {
      for (;;) {
        const answer = await options.log.read(key, { from: next });
        frames.push(...answer.frames);
        next = frames.at(-1)?.next ?? next;
        run = answer.run;
        // A log may answer a part; a running writer may have appended meanwhile. Both end where the last record ends.
        if (next >= run.next || answer.frames.length === 0) break;
        await this.#turns.take(key.chatId);
      }
    }
    if (known && frames.length === 0 && !known.run.end === !run.end) return { ...known, run };
    const added = frames.flatMap(({ chunks }) => [...chunks]);
    return { run, next, chunks: mergeNeighbours([...(known?.chunks ?? []), ...added]) };
  }

  #keep(id: string, whole: WholeRun): KeptRun {
    const usedAtMs = this.#engine.options.clock.now();
    const length = 'length' in whole ? (whole as KeptRun).length : JSON.stringify(whole.chunks).length;
    const kept: KeptRun = { ...whole, length, usedAtMs };
    this.#drop(id);
    this.#kept.set(id, kept);
    this.#length += length;
    for (const [oldest, { usedAtMs: at }] of this.#kept) {
      if (this.#length <= maxKeptLength && usedAtMs - at < keptForMs) break;
      this.#drop(oldest);
    }
    return kept;
  }

  #drop(id: string): void {
    this.#length -= this.#kept.get(id)?.length ?? 0;
    this.#kept.delete(id);
  }
}

/** Whether the log no longer has the run that was asked for. */
export function isGone(error: unknown): boolean {
  return ChatTransportError.isInstance(error) && (error.code === 'log-expired' || error.code === 'not-found');
}
