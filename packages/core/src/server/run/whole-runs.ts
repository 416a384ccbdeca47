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
import { RecentlyUsed } from './recently-used.ts';
import { encodeSnapshot, type RunSnapshot } from './run-snapshot.ts';
import { SharedCalls } from './shared-calls.ts';
import { type KeptSnapshot, readStoredSnapshot, storedFromLength, storedSnapshot } from './stored-snapshot.ts';

/** How much of runs this process keeps for their readers, in UTF-16 units of JSON. What was used longest ago goes first. */
export const maxKeptLength: number = 16 * 1024 * 1024;
/** How old the snapshot of a live run may be that a reader begins with, in milliseconds. The frames behind it follow. */
const snapshotAgeMs = 1000;
/** How many offsets may follow that snapshot one by one: behind a model in a hurry, a second old is far behind. */
const snapshotLagOffsets = 32;
/** How many offsets an ended run has at least that is copied: one with fewer is read as fast itself. */
const storedFromOffsets = 64;

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
  snapshot?: RunSnapshot & { readonly madeAtMs: number };
  fold?: Promise<UIMessage>;
  /** Whether the log was given the copy of it, or none is worth keeping. */
  isStored?: boolean;
}

interface KeptCopy extends KeptSnapshot {
  fold?: Promise<UIMessage>;
}

/**
 * Reads runs from their start, once for all who ask together, and keeps them: what was read before is not read again, merged again, folded
 * again or encoded again. Each read asks the log for what has come since, so a run that was deleted or is past its retention is not served. A long run
 * that has ended is encoded once for all processes: the log keeps the copy.
 */
export class WholeRuns {
  readonly #engine: Pick<Engine, 'options' | 'live' | 'background'>;
  readonly #turns: FairTurns;
  readonly #calls: SharedCalls;
  readonly #kept: RecentlyUsed<KeptRun>;
  /** What the log keeps of ended runs. */
  readonly #copies: RecentlyUsed<KeptCopy>;

  constructor(engine: Pick<Engine, 'options' | 'live' | 'background'>, turns: FairTurns) {
    const { clock } = engine.options;
    this.#engine = engine;
    this.#turns = turns;
    this.#calls = new SharedCalls(turns);
    this.#kept = new RecentlyUsed(clock, maxKeptLength);
    this.#copies = new RecentlyUsed(clock, maxKeptLength / 4);
  }

  /** The run as the log has it now. `key`: the record, where the log has answered it. `party`: who takes turns for it. @throws ChatTransportError as `RunLog.read`. */
  read(key: RunKey | RunRecord, party: string = key.chatId): Promise<WholeRun> {
    return this.#read(key, party);
  }

  /** What a reader begins with that has nothing yet. For a live run it may be a second old. @throws ChatTransportError as `RunLog.read`. */
  async snapshot(run: RunRecord, party: string = run.chatId): Promise<RunSnapshot> {
    const now = this.#engine.options.clock.now();
    const known = this.#kept.get(keyOf(run));
    const isWhole = run.end && known?.run.end && known.next === run.next;
    const isNear = known !== undefined && run.next - known.next <= snapshotLagOffsets;
    if (known?.snapshot && (isWhole || (!run.end && isNear && now - known.snapshot.madeAtMs < snapshotAgeMs))) {
      return known.snapshot;
    }
    const copy = isWhole ? undefined : await this.#copyOf(run, party);
    if (copy) return copy.snapshot;
    const whole = await this.#read(run, party);
    this.#store(whole);
    return this.#encode(whole);
  }

  /** Folds the run; `undefined` when the log has dropped it. */
  async fold(run: RunRecord, party: string = run.chatId): Promise<FoldedRun | undefined> {
    try {
      const { messageId } = run.start;
      const copy = this.#kept.get(keyOf(run)) ? undefined : await this.#copyOf(run, party);
      if (copy) {
        copy.fold ??= foldMessage({ messageId, chunks: copy.chunks() });
        return { message: await copy.fold, next: copy.snapshot.next, run };
      }
      const whole = await this.#read(run, party);
      const continued = continuedBy(run.start);
      if (whole.next === 0 && !(whole.run.end && continued)) return { next: 0, run: whole.run };
      const chunks = withCallsClosed(whole.run, whole.chunks);
      whole.fold ??= foldMessage({ ...(continued && { message: continued }), messageId, chunks });
      this.#store(whole);
      return { message: await whole.fold, next: whole.next, run: whole.run };
    } catch (error) {
      if (isGone(error)) return;
      throw error;
    }
  }

  /** Lets go of a chat's runs: it was deleted. */
  forget(chatId: string): void {
    this.#kept.dropAll(`${chatId}/`);
    this.#copies.dropAll(`${chatId}/`);
  }

  /** What the log keeps of an ended run: asked once for all who begin together. The caller has the run's record from the log. */
  async #copyOf(run: RunRecord, party: string): Promise<KeptCopy | undefined> {
    const { options } = this.#engine;
    if (!run.end || run.next < storedFromOffsets || continuedBy(run.start)) return undefined;
    const id = keyOf(run);
    const known = this.#copies.get(id);
    if (known) return known;
    const question = `copy ${run.runId}`;
    const read = async (): Promise<KeptCopy | undefined> => {
      const text = this.#copies.get(id) ?? (await options.log.snapshot(run));
      if (typeof text !== 'string') return text;
      const copy = readStoredSnapshot(run, text);
      return copy && this.#copies.put(id, copy);
    };
    return this.#calls.call(run.chatId, question, read, party);
  }

  #encode(whole: KeptRun): RunSnapshot {
    whole.snapshot ??= { ...encodeSnapshot(whole), madeAtMs: this.#engine.options.clock.now() };
    return whole.snapshot;
  }

  /** Keeps the copy of an ended run in the log, for later readers of every process. What the log does not take is read frame by frame. */
  #store(whole: KeptRun): void {
    const { options, background } = this.#engine;
    const { run } = whole;
    if (whole.isStored || !run.end) return;
    whole.isStored = true;
    if (whole.length < storedFromLength || run.next < storedFromOffsets) return;
    const text = storedSnapshot(run, this.#encode(whole));
    if (text === undefined) return;
    const failed = (error: unknown): void =>
      options.emit({ type: 'log-failed', chatId: run.chatId, operation: 'saveSnapshot', error });
    background(options.log.saveSnapshot(run, text).catch(failed));
  }

  #read(key: RunKey | RunRecord, party: string): Promise<KeptRun> {
    const id = keyOf(key);
    if ('next' in key) this.#engine.live.get(id)?.noteLogged(key);
    const read = async (): Promise<KeptRun> => {
      try {
        return this.#keep(id, await this.#readOn(key, this.#kept.get(id), party));
      } catch (error) {
        const known = this.#kept.get(id) !== undefined;
        this.#kept.drop(id);
        // The log has lost the run and has another one in its place.
        const isOther = known && ChatTransportError.isInstance(error) && error.code === 'invalid-offset';
        if (isOther) return this.#keep(id, await this.#readOn(key, undefined, party));
        throw error;
      }
    };
    return this.#calls.call(key.chatId, key.runId, read, party);
  }

  async #readOn(key: RunKey, known: KeptRun | undefined, party: string): Promise<WholeRun> {
    const { options, live } = this.#engine;
    let next = known?.next ?? 0;
    const writing = live.get(keyOf(key));
    const fresh = writing && !writing.closed && !writing.isBehind ? writing.framesFrom(next) : undefined;
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
        await this.#turns.take(party);
      }
    }
    if (known && frames.length === 0 && !known.run.end === !run.end) return { ...known, run };
    const added = frames.flatMap(({ chunks }) => [...chunks]);
    return { run, next, chunks: mergeNeighbours([...(known?.chunks ?? []), ...added]) };
  }

  #keep(id: string, whole: WholeRun): KeptRun {
    const length = 'length' in whole ? (whole as KeptRun).length : JSON.stringify(whole.chunks).length;
    return this.#kept.put(id, { ...whole, length });
  }
}

/** Whether the log no longer has the run that was asked for. */
export function isGone(error: unknown): boolean {
  return ChatTransportError.isInstance(error) && (error.code === 'log-expired' || error.code === 'not-found');
}
