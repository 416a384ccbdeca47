import type { UIMessage, UIMessageChunk } from 'ai';
import { ChatTransportError } from '../errors.ts';
import type { EndReason } from '../wire/frame.ts';
import { UnfinishedCalls, unfinishedToolText } from '../wire/unfinished-calls.ts';
import { createLatch, type Latch } from './latch.ts';

/** How many chunks may wait for a slow reader of the stream. Above it, frames are left in the log and read again. */
export const maxQueuedChunks = 1024;

interface AnswerStreamOptions {
  /** The message that the run continues, with its calls. */
  readonly continued: UIMessage | undefined;
  /** Called when the reader takes chunks. */
  onPull(): void;
  /** Called when the reader has left. */
  onCancel(): void;
}

/** The stream in which the AI SDK reads a run: its chunks, and its end as the AI SDK shows ends. */
export class AnswerStream {
  readonly stream: ReadableStream<UIMessageChunk>;
  /** Opens when the stream is over and its reader has taken all that was in it, or has left. */
  readonly read: Latch = createLatch();
  readonly #calls: UnfinishedCalls;
  #controller!: ReadableStreamDefaultController<UIMessageChunk>;
  #lastType = '';
  /** Ends the stream. */
  #finish: (() => void) | undefined;

  constructor({ continued, onPull, onCancel }: AnswerStreamOptions) {
    this.#calls = new UnfinishedCalls(continued);
    this.stream = new ReadableStream<UIMessageChunk>(
      {
        start: (controller) => {
          this.#controller = controller;
        },
        pull: () => {
          this.#settle();
          onPull();
        },
        cancel: () => {
          onCancel();
          this.read.open();
        },
      },
      { highWaterMark: maxQueuedChunks },
    );
  }

  /** How many more chunks may wait for the reader. */
  get room(): number {
    return this.#controller.desiredSize ?? 0;
  }

  write(chunks: readonly UIMessageChunk[]): void {
    for (const chunk of chunks) {
      this.#controller.enqueue(chunk);
      this.#lastType = chunk.type;
      this.#calls.see(chunk);
    }
  }

  /** Ends with the run. `errorBehind`: what it fails with where the run itself ended well. */
  endAs(reason: EndReason, errorBehind: unknown): void {
    // An `error` chunk says more than the end does, and the reader has failed with it already.
    const isTold = this.#lastType === 'error';
    // PROTOCOL.md section 7.9: a run that was cancelled or lost could not close its calls itself.
    if (reason !== 'finish' && !isTold) this.write(this.#calls.closing(unfinishedToolText));
    // The AI SDK does not continue an interrupted message by itself, so a cancel from elsewhere starts no tool loop here.
    if (reason === 'cancel') this.write([{ type: 'finish', finishReason: 'interrupted' }]);
    this.end(reason === 'cancel' || reason === 'finish' || isTold ? errorBehind : endError(reason));
  }

  /** Ends with an error, or without one where the reader detaches from the run. */
  end(error?: unknown): void {
    this.#finish = () => (error ? this.#controller.error(error) : this.#controller.close());
    this.#settle();
  }

  /** Ends the stream once its queue is empty: an error throws away what is queued, and what arrived must be shown. */
  #settle(): void {
    if (!this.#finish || this.#controller.desiredSize !== maxQueuedChunks) return;
    this.#finish();
    this.read.open();
  }
}

/** The error with which the stream of a run ends that did not finish. */
function endError(reason: 'error' | 'deadline' | 'lost'): ChatTransportError {
  const messages = {
    error: 'The answer failed before it was complete.',
    deadline: 'The answer was cut short because its server had no more time.',
    lost: 'The answer was cut short because the server that wrote it stopped.',
  } as const;
  return new ChatTransportError({ code: reason === 'error' ? 'provider-failed' : reason, message: messages[reason] });
}
