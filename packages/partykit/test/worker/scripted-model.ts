import type { RespondInput } from '@chat-transport/core/server';
import type { UIMessageChunk } from 'ai';

/** What a test tells the model. */
export type Command =
  | { readonly say: string }
  | { readonly finish: true }
  /** Says so many words by itself, and finishes. */
  | { readonly words: number; readonly everyMs: number };

/** A model that says what a test tells it to. It lives in an object's memory, and dies with it. */
export class ScriptedModel {
  calls = 0;
  aborted = false;
  readonly #inSteps: boolean;
  #controller: ReadableStreamDefaultController<UIMessageChunk> | undefined;

  /** @param inSteps Whether it says where its step begins, as the AI SDK does: without it, nobody can go on with its answer. */
  constructor(inSteps: boolean) {
    this.#inSteps = inSteps;
  }

  readonly respond = ({ signal }: RespondInput): ReadableStream<UIMessageChunk> => {
    this.calls += 1;
    this.aborted = false;
    signal.addEventListener('abort', () => {
      this.aborted = true;
      this.#controller = undefined;
    });
    return new ReadableStream<UIMessageChunk>({
      start: (controller) => {
        this.#controller = controller;
        controller.enqueue({ type: 'start' });
        if (this.#inSteps) controller.enqueue({ type: 'start-step' });
        controller.enqueue({ type: 'text-start', id: '0' });
      },
    });
  };

  obey(command: Command): void {
    const controller = this.#controller;
    if (!controller) return;
    if ('say' in command) return controller.enqueue({ type: 'text-delta', id: '0', delta: command.say });
    if ('words' in command) return this.#speak(command.words, Date.now() + command.everyMs, command.everyMs);
    controller.enqueue({ type: 'text-end', id: '0' });
    controller.enqueue({ type: 'finish' });
    controller.close();
    this.#controller = undefined;
  }

  #speak(words: number, at: number, everyMs: number): void {
    if (words === 0) return this.obey({ finish: true });
    setTimeout(
      () => {
        this.obey({ say: 'token ' });
        this.#speak(words - 1, at + everyMs, everyMs);
      },
      Math.max(0, at - Date.now()),
    );
  }
}
