import type { UIMessage, UIMessageChunk } from 'ai';
import type { ChunksFrame, EndFrame, EndReason, PointerFrame } from '../wire/frame.ts';
import { AnswerStream, maxQueuedChunks } from './answer-stream.ts';
import { createLatch } from './latch.ts';
import { continuedMessage } from './own-answers.ts';
import type { RunNeed } from './path-plan.ts';
import { nextProgress, type ProgressEvent, type RunProgress, startedAt } from './run-progress.ts';
import { Sequencer } from './sequencer.ts';

/** What a send is, as the AI SDK calls it. */
export interface OwnSend {
  readonly trigger: 'submit-message' | 'regenerate-message';
  readonly messageId: string | undefined;
  readonly messages: readonly UIMessage[];
}

export interface RunReaderOptions {
  readonly runId: string;
  /** The call, where this transport sent the run. */
  readonly own?: OwnSend | undefined;
  /** The run's turn; 0 while the server is not known to have begun it. */
  readonly turn?: number;
  /** Whether the reader empties the message as the stream begins: then the stream must begin with a replay from the log. */
  readonly replay?: boolean;
  /** Whether a response of its own feeds the stream from the beginning. */
  readonly isFed?: boolean;
  /** What the stream fails with behind the run's end: an error that the chat would forget otherwise. */
  readonly errorBehind?: unknown;
  /** When the stream was opened, in page time. */
  readonly openedAt: number;
  /** Called once, when the stream is over for whatever reason. `endedAt`: the run's number of offsets, where it brought all of the run. */
  onClose(reader: RunReader, endedAt: number | undefined): void;
  /** Called when frames were left in the log and there is room for them again. */
  onRoom(): void;
}

/** One run as useChat reads it: a stream that survives every path, fed from all of them through a sequencer. */
export class RunReader {
  readonly own: OwnSend | undefined;
  /** The answer that the send goes on with: others may have followed it. */
  readonly continued: UIMessage | undefined;
  readonly openedAt: number;
  readonly #sequencer = new Sequencer();
  readonly #options: RunReaderOptions;
  readonly #answer: AnswerStream;
  readonly #begun = createLatch();
  readonly #closed = createLatch();
  #run: { readonly runId: string; readonly turn: number };
  #isFed: boolean;
  #isOpen = true;
  #progress: RunProgress;
  /** Up to which offset frames were left in the log because there was no room for them. */
  #leftTo = 0;

  constructor(options: RunReaderOptions) {
    const { runId, turn = 0, own, isFed = false, openedAt } = options;
    this.#options = options;
    this.#run = { runId, turn };
    this.own = own;
    this.#isFed = isFed;
    this.openedAt = openedAt;
    this.#progress = startedAt(openedAt);
    this.continued = own && continuedMessage(own);
    this.#answer = new AnswerStream({
      continued: this.continued,
      onPull: () => {
        // Not for each chunk that is read: a response of the log brings many.
        if (this.position < this.#leftTo && this.#answer.room > maxQueuedChunks / 2) options.onRoom();
      },
      onCancel: () => this.#close(),
    });
  }

  get stream(): ReadableStream<UIMessageChunk> {
    return this.#answer.stream;
  }

  /** Resolves when the stream is over, for whatever reason. */
  get closed(): Promise<void> {
    return this.#closed.opened;
  }

  /** Resolves when the stream is over and its reader has taken all that was in it, or has left. */
  get read(): Promise<void> {
    return this.#answer.read.opened;
  }

  /** Resolves when the run is known to have begun, from whatever path. */
  get begun(): Promise<void> {
    return this.#begun.opened;
  }

  get runId(): string {
    return this.#run.runId;
  }

  /** The run's turn; 0 while the server is not known to have begun it. */
  get turn(): number {
    return this.#run.turn;
  }

  get hasBegun(): boolean {
    return this.#run.turn > 0;
  }

  /** Whether a response of its own is feeding the stream. */
  get isFed(): boolean {
    return this.#isFed;
  }

  get position(): number {
    return this.#sequencer.position;
  }

  /**
   * Whether offsets are known to exist that only a read of the log brings. A response of its own brings all that has not come yet, but nothing
   * a second time.
   */
  get isMissing(): boolean {
    return this.#isOpen && (this.#isFed ? this.#sequencer.forgot : this.#sequencer.missing);
  }

  /** Whether a path has to bring what no response of its own brings. */
  get needsPath(): boolean {
    return !this.#isFed || this.isMissing;
  }

  /** Why the run ended, once all of it is in the stream. */
  get ended(): EndReason | undefined {
    return this.#sequencer.ended;
  }

  /** Whether only a replay may begin this stream. */
  get awaitsReplay(): boolean {
    return !!this.#options.replay && !this.position;
  }

  /**
   * The run's number of offsets, once all of it is in the stream. A run that ended with nothing written has no replay, and its stream does not
   * bring what the end has made of the message that the run continues.
   */
  get endedAt(): number | undefined {
    return this.awaitsReplay ? undefined : this.ended && this.position;
  }

  /** What the run waits for. `heardAt`: when realtime brought something last, in page time. */
  need(heardAt: number): RunNeed {
    return {
      runId: this.runId,
      hasBegun: this.hasBegun,
      isFed: this.#isFed,
      // The rest waits until the reader has room; it needs no further request.
      isMissing: this.isMissing && this.#answer.room > 0,
      isUnheard: this.own !== undefined && heardAt < this.openedAt,
      ...this.#progress,
    };
  }

  /** The run has begun; the server may have joined the send to a run with another id. */
  begin(turn: number, runId: string = this.runId): void {
    this.#run = { runId, turn };
    this.#begun.open();
  }

  /** A response of its own begins, or ceases, to feed the stream. */
  setFed(isFed: boolean): void {
    this.#isFed = isFed;
  }

  /** The log was read for this run. */
  noteRead(now: number): void {
    this.#note({ type: 'read', at: now });
  }

  /** Whether the run waits without a path now. */
  noteStuck(isStuck: boolean, now: number): void {
    this.#note({ type: 'looked', at: now, isStuck });
  }

  /** Takes a frame from any path. True when it brought the stream on. */
  accept(frame: ChunksFrame | PointerFrame | EndFrame, replayed: boolean, now: number): boolean {
    if (!this.#isOpen) return false;
    const hasRoom = this.#answer.room > 0;
    if ('next' in frame && !(hasRoom && (replayed || !this.awaitsReplay))) {
      if (hasRoom) this.#sequencer.note(frame.next);
      else this.#leave(frame.next);
      return false;
    }
    const chunks = this.#sequencer.push(frame);
    this.#answer.write(chunks);
    if (chunks.length > 0) this.#note({ type: 'news', at: now });
    const reason = this.ended;
    if (reason) {
      this.#answer.endAs(reason, this.#options.errorBehind);
      this.#close();
    }
    return chunks.length > 0 || reason !== undefined;
  }

  #leave(next: number): void {
    this.#sequencer.forget(next);
    this.#leftTo = Math.max(this.#leftTo, next);
  }

  /** Ends the stream, with an error or by detaching from it. The run goes on without this reader. */
  end(error?: unknown): void {
    if (!this.#isOpen) return;
    this.#answer.end(error);
    this.#close();
  }

  #note(event: ProgressEvent): void {
    this.#progress = nextProgress(this.#progress, event);
  }

  #close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#closed.open();
    this.#options.onClose(this, this.endedAt);
  }
}
