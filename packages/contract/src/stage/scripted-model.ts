import type { RespondInput } from '@chat-transport/core/server';
import type { UIMessageChunk } from 'ai';
import { until } from './wait.ts';

/** A model whose words and their times a test decides. Give `respond` to `createChatHandler`. */
export class ScriptedModel {
  /** Every call that was made, oldest first. */
  readonly calls: ModelCall[] = [];

  readonly respond = (input: RespondInput): ReadableStream<UIMessageChunk> => {
    const call = new ModelCall(input);
    this.calls.push(call);
    return call.stream;
  };

  /** The call with this number, from 0, as soon as it was made. */
  async call(index = 0): Promise<ModelCall> {
    await until(
      `call ${index} of the model`,
      () => this.calls.length > index,
      () => ({ calls: this.calls.length }),
    );
    return this.calls[index] as ModelCall;
  }
}

/**
 * One generation. It opens a text by itself, and carries a nonce in the message's metadata: a second generation would
 * show another one.
 */
export class ModelCall {
  readonly nonce: string = crypto.randomUUID();
  readonly input: RespondInput;
  readonly stream: ReadableStream<UIMessageChunk>;
  #controller!: ReadableStreamDefaultController<UIMessageChunk>;
  #wanted: () => void = () => {};
  #texts = 0;
  #closed = false;

  constructor(input: RespondInput) {
    this.input = input;
    this.stream = new ReadableStream({
      start: (controller) => {
        this.#controller = controller;
      },
      pull: () => {
        this.#wanted();
      },
      cancel: () => {
        this.#closed = true;
        this.#wanted();
      },
    });
    this.push(
      { type: 'start', messageMetadata: { nonce: this.nonce } },
      { type: 'start-step' },
      { type: 'text-start', id: '0' },
    );
  }

  /** Whether the run was stopped. */
  get aborted(): boolean {
    return this.input.signal.aborted;
  }

  /** How many chunks nobody has taken yet. */
  get waiting(): number {
    return 1 - (this.#controller.desiredSize ?? 1);
  }

  /** Emits chunks as they are. */
  push(...chunks: UIMessageChunk[]): void {
    if (this.#closed || this.aborted) return;
    for (const chunk of chunks) this.#controller.enqueue(chunk);
  }

  /** Says text, one chunk per word. */
  say(text: string): void {
    for (const word of text.match(/\S+\s*/g) ?? [])
      this.push({ type: 'text-delta', id: String(this.#texts), delta: word });
  }

  /** Ends this text and begins another, so that the words around it are not merged. */
  paragraph(): void {
    this.push({ type: 'text-end', id: String(this.#texts) }, { type: 'text-start', id: String(++this.#texts) });
  }

  /** Resolves when the run's writer wants more than there is: when everything so far was taken. */
  async drained(): Promise<void> {
    while (!this.#closed && !this.aborted && (this.#controller.desiredSize ?? 0) <= 0) {
      await new Promise<void>((resolve) => {
        this.#wanted = resolve;
      });
    }
  }

  /** Ends the answer, with the tool calls in it if there are any. */
  finish(): void {
    this.push(
      { type: 'text-end', id: String(this.#texts) },
      { type: 'finish-step' },
      { type: 'finish', finishReason: 'stop' },
    );
    this.close();
  }

  /** Closes the stream without a `finish`. */
  close(): void {
    if (!this.#closed && !this.aborted) this.#controller.close();
    this.#closed = true;
  }

  /** Breaks the stream. */
  fail(error: unknown): void {
    if (!this.#closed && !this.aborted) this.#controller.error(error);
    this.#closed = true;
  }
}
