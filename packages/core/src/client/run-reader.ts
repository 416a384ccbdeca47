import type { UIMessage, UIMessageChunk } from 'ai';
import { ChatTransportError } from '../errors.ts';
import type { ChunksFrame, EndFrame, EndReason, PointerFrame } from '../wire/frame.ts';
import { UnfinishedCalls, unfinishedToolText } from '../wire/unfinished-calls.ts';
import type { RunNeed } from './path-plan.ts';
import { Sequencer } from './sequencer.ts';

/** How many chunks may wait for a slow reader of the stream. Above it, frames are left in the log and read again. */
const maxQueuedChunks = 1024;

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
  /** Called once, when the stream is over for whatever reason. `endedAt`: the run's number of offsets, where it was read to the run's end. */
  onClose(reader: RunReader, endedAt: number | undefined): void;
  /** Called when frames were left in the log and there is room for them again. */
  onRoom(): void;
}

/** One run as useChat reads it: a stream that survives every path, fed from all of them through a sequencer. */
export class RunReader {
  readonly own: OwnSend | undefined;
  readonly stream: ReadableStream<UIMessageChunk>;
  readonly openedAt: number;
  /** Resolves when the stream is over, for whatever reason. */
  readonly closed: Promise<void>;
  /** Resolves when the run is known to have begun, from whatever path. */
  readonly begun: Promise<void>;
  readonly #sequencer = new Sequencer();
  readonly #options: RunReaderOptions;
  #runId: string;
  #turn: number;
  #isFed = false;
  #newsAt: number;
  #reads = 0;
  #stuckSince: number | undefined;
  /** Up to which offset frames were left in the log because there was no room for them. */
  #leftTo = 0;
  #controller!: ReadableStreamDefaultController<UIMessageChunk>;
  #close!: () => void;
  #begin!: () => void;
  #open = true;
  #lastType = '';
  readonly #calls: UnfinishedCalls;
  #failure: unknown;

  constructor(options: RunReaderOptions) {
    this.#options = options;
    this.#runId = options.runId;
    this.#turn = options.turn ?? 0;
    this.own = options.own;
    this.#isFed = options.isFed ?? false;
    // A send behind an assistant message continues it, with its calls.
    const last = options.own?.messages.at(-1);
    this.#calls = new UnfinishedCalls(last?.role === 'assistant' ? last : undefined);
    this.openedAt = this.#newsAt = options.openedAt;
    this.begun = new Promise((resolve) => {
      this.#begin = resolve;
    });
    this.closed = new Promise((resolve) => {
      this.#close = () => {
        if (!this.#open) return;
        this.#open = false;
        resolve();
        options.onClose(this, this.ended && this.position);
      };
    });
    this.stream = new ReadableStream<UIMessageChunk>(
      {
        start: (controller) => {
          this.#controller = controller;
        },
        pull: () => {
          this.#settleFailure();
          // Not for each chunk that is read: a response of the log brings many.
          if (this.position < this.#leftTo && this.#room > maxQueuedChunks / 2) options.onRoom();
        },
        cancel: () => this.#close(),
      },
      { highWaterMark: maxQueuedChunks },
    );
  }

  get runId(): string {
    return this.#runId;
  }

  /** The run's turn; 0 while the server is not known to have begun it. */
  get turn(): number {
    return this.#turn;
  }

  get hasBegun(): boolean {
    return this.#turn > 0;
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
    return this.#open && (this.#isFed ? this.#sequencer.forgot : this.#sequencer.missing);
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

  /** What the run waits for. `heardAt`: when realtime brought something last, in page time. */
  need(heardAt: number): RunNeed {
    return {
      runId: this.#runId,
      hasBegun: this.hasBegun,
      isFed: this.#isFed,
      // The rest waits until the reader has room; it needs no further request.
      isMissing: this.isMissing && this.#room > 0,
      isUnheard: this.own !== undefined && heardAt < this.openedAt,
      newsAt: this.#newsAt,
      reads: this.#reads,
      stuckSince: this.#stuckSince,
    };
  }

  /** The run has begun; the server may have joined the send to a run with another id. */
  begin(turn: number, runId: string = this.#runId): void {
    this.#runId = runId;
    this.#turn = turn;
    this.#begin();
  }

  /** A response of its own begins, or ceases, to feed the stream. */
  setFed(isFed: boolean): void {
    this.#isFed = isFed;
  }

  /** The log was read for this run. */
  noteRead(now: number): void {
    this.#newsAt = now;
    this.#reads++;
  }

  /** Whether the run waits without a path now. */
  noteStuck(isStuck: boolean, now: number): void {
    this.#stuckSince = isStuck ? (this.#stuckSince ?? now) : undefined;
  }

  /** Takes a frame from any path. True when it brought the stream on. */
  accept(frame: ChunksFrame | PointerFrame | EndFrame, replayed: boolean, now: number): boolean {
    if (!this.#open) return false;
    const hasRoom = this.#room > 0;
    if ('next' in frame && !(hasRoom && (replayed || !this.awaitsReplay))) {
      if (hasRoom) this.#sequencer.note(frame.next);
      else this.#leave(frame.next);
      return false;
    }
    const chunks = this.#sequencer.push(frame);
    for (const chunk of chunks) {
      this.#controller.enqueue(chunk);
      this.#lastType = chunk.type;
      this.#calls.see(chunk);
    }
    if (chunks.length > 0) {
      this.#reads = 0;
      this.#newsAt = now;
      this.#stuckSince = undefined;
    }
    const reason = this.ended;
    if (reason) this.#endAs(reason);
    return chunks.length > 0 || reason !== undefined;
  }

  #leave(next: number): void {
    this.#sequencer.forget(next);
    this.#leftTo = Math.max(this.#leftTo, next);
  }

  /** How many more chunks may wait for the reader of the stream. */
  get #room(): number {
    return this.#controller.desiredSize ?? 0;
  }

  /** Ends the stream, with an error or by detaching from it. The run goes on without this reader. */
  end(error?: unknown): void {
    if (!this.#open) return;
    this.#failure = error;
    if (error) this.#settleFailure();
    else this.#controller.close();
    this.#close();
  }

  #endAs(reason: EndReason): void {
    // PROTOCOL.md section 7.9: a run that was cancelled or lost could not close its calls itself.
    if (reason !== 'finish' && this.#lastType !== 'error') {
      for (const chunk of this.#calls.closing(unfinishedToolText)) this.#controller.enqueue(chunk);
    }
    // The AI SDK does not continue an interrupted message by itself, so a cancel from elsewhere starts no tool loop here.
    if (reason === 'cancel') this.#controller.enqueue({ type: 'finish', finishReason: 'interrupted' });
    // An `error` chunk says more than the end does, and the reader has failed with it already.
    if (reason === 'cancel' || reason === 'finish' || this.#lastType === 'error') this.end(this.#options.errorBehind);
    else this.end(endError(reason));
  }

  /** Errors the stream once its queue is empty: an error throws away what is queued, and what arrived must be shown. */
  #settleFailure(): void {
    if (this.#failure && this.#controller.desiredSize === maxQueuedChunks) this.#controller.error(this.#failure);
  }
}

/** The error with which the stream of a run ends that did not finish. */
function endError(reason: 'error' | 'deadline' | 'lost'): ChatTransportError {
  const messages = {
    error: 'The answer failed before it was complete.',
    deadline: 'The answer was cut short because its time limit was reached.',
    lost: 'The answer was cut short because the server that wrote it stopped.',
  } as const;
  return new ChatTransportError({ code: reason === 'error' ? 'provider-failed' : reason, message: messages[reason] });
}
