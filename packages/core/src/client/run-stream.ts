import type { UIMessage, UIMessageChunk } from 'ai';
import { ChatTransportError } from '../errors.ts';
import type { ChunksFrame, EndFrame, EndReason, PointerFrame } from '../wire/frame.ts';
import { Sequencer } from './sequencer.ts';

/** How many chunks may wait for a slow reader of the stream. Above it, frames are left in the log and read again. */
const maxQueuedChunks = 1024;

/** What a send is, as the AI SDK calls it. */
export interface OwnSend {
  readonly trigger: 'submit-message' | 'regenerate-message';
  readonly messageId: string | undefined;
  readonly messages: readonly UIMessage[];
}

export interface RunStreamOptions {
  readonly runId: string;
  /** The call, where this transport sent the run. */
  readonly own?: OwnSend | undefined;
  /** The run's turn; 0 while the server is not known to have begun it. */
  readonly turn?: number;
  /** Whether the reader empties the message as the stream begins: then the stream must begin with a replay from the log. */
  readonly replay?: boolean;
  /** Called once, when the stream is over for whatever reason. */
  onClose(run: RunStream): void;
  /** Called when frames were left in the log and there is room for them again. */
  onRoom(): void;
}

/** One run as useChat reads it: a stream that survives every path, fed from all of them through a sequencer. */
export class RunStream {
  runId: string;
  readonly own: OwnSend | undefined;
  readonly stream: ReadableStream<UIMessageChunk>;
  /** Resolves when the stream is over, for whatever reason. */
  readonly closed: Promise<void>;
  /** Resolves when the run is known to have begun, from whatever path. */
  readonly begun: Promise<void>;
  /** The run's turn; 0 while the server is not known to have begun it. */
  turn: number;
  /** Whether a response of its own is feeding the stream. */
  responseAlive = false;
  /** When the stream was opened, by the transport's clock. */
  openedAt = 0;
  /** When the stream got on or the log was asked, by the transport's clock. */
  newsAt = 0;
  /** How often the log was asked since chunks came. */
  asked = 0;
  /** For how long offsets have been missing or no path was alive, in milliseconds. */
  stuckMs = 0;
  readonly #sequencer = new Sequencer();
  readonly #replay: boolean | undefined;
  #controller!: ReadableStreamDefaultController<UIMessageChunk>;
  #close!: () => void;
  #begin!: () => void;
  #open = true;
  #lastType = '';
  #failure: unknown;

  constructor(options: RunStreamOptions) {
    this.#replay = options.replay;
    this.runId = options.runId;
    this.begun = new Promise((resolve) => {
      this.#begin = resolve;
    });
    this.turn = options.turn ?? 0;
    this.own = options.own;
    this.closed = new Promise((resolve) => {
      this.#close = () => {
        if (!this.#open) return;
        this.#open = false;
        resolve();
        options.onClose(this);
      };
    });
    this.stream = new ReadableStream<UIMessageChunk>(
      {
        start: (controller) => {
          this.#controller = controller;
        },
        pull: () => {
          this.#settleFailure();
          // Not for each chunk that is read: an answer of the log brings many.
          if (this.missing && (this.#controller.desiredSize as number) > maxQueuedChunks / 2) options.onRoom();
        },
        cancel: () => this.#close(),
      },
      { highWaterMark: maxQueuedChunks },
    );
  }

  /** The run is known to have begun. */
  begin(turn: number): void {
    this.turn = turn;
    this.#begin();
  }

  get position(): number {
    return this.#sequencer.position;
  }

  /** Whether offsets are known to exist that have not arrived. */
  get missing(): boolean {
    return this.#open && this.#sequencer.missing;
  }

  /** Why the run ended, once all of it is in the stream. */
  get ended(): EndReason | undefined {
    return this.#sequencer.ended;
  }

  /** Whether only a replay may begin this stream. */
  get awaitsReplay(): boolean {
    return !!this.#replay && !this.position;
  }

  /** Takes a frame from any path. */
  accept(frame: ChunksFrame | PointerFrame | EndFrame, replayed = false): void {
    if (!this.#open) return;
    const hasRoom = (this.#controller.desiredSize as number) > 0;
    if ('next' in frame && !(hasRoom && (replayed || !this.awaitsReplay))) return this.#sequencer.note(frame.next);
    const chunks = this.#sequencer.push(frame);
    for (const chunk of chunks) {
      this.#controller.enqueue(chunk);
      this.#lastType = chunk.type;
      this.asked = 0;
    }
    const reason = this.ended;
    if (!reason) return;
    // The AI SDK does not continue an interrupted message by itself, so a cancel from elsewhere starts no tool loop here.
    if (reason === 'cancel') this.#controller.enqueue({ type: 'finish', finishReason: 'interrupted' });
    // An `error` chunk says more than the end does, and the reader has failed with it already.
    if (reason === 'cancel' || reason === 'finish' || this.#lastType === 'error') this.end();
    else
      this.end(
        new ChatTransportError({
          code: reason === 'error' ? 'provider-failed' : reason,
          message: `The answer ended: ${reason}.`,
        }),
      );
  }

  /** Ends the stream: with an error, or lets go of it. The run goes on without this reader. */
  end(error?: unknown): void {
    if (!this.#open) return;
    this.#failure = error;
    if (error) this.#settleFailure();
    else this.#controller.close();
    this.#close();
  }

  /** Errors the stream once its queue is empty: an error throws away what is queued, and what arrived must be shown. */
  #settleFailure(): void {
    if (this.#failure && this.#controller.desiredSize === maxQueuedChunks) this.#controller.error(this.#failure);
  }
}
