import type { UIMessage } from 'ai';
import type { ChatSnapshot } from './chat-update.ts';
import type { RunStream } from './run-stream.ts';
import { newMessages } from './stale-send.ts';

/** What the view asks of its channel. */
interface Refreshable {
  refresh(): Promise<void>;
}

/**
 * How much of the conversation a chat kept in step is certain to show: its turn's question, or all of it. Where that is not certain, the chat's
 * state has to be read. Kept with the channel, also for a chat that is put in step anew.
 */
export class ChatView {
  /** The turn whose question, and all before it, is shown; nothing where that is not certain. */
  turn: number | undefined;
  /** The messages that the chat is known to have shown or to share with the server. All others are this device's alone. */
  readonly acknowledged: Set<string>;
  /** The client tool calls that this page has begun. */
  readonly toolCalls: Set<string> = new Set();
  /** The newest run that is known. The device that sent it runs its client tools, unless this one has taken it over. */
  newest: { readonly runId: string; readonly from?: string } | undefined;
  readonly #channel: Refreshable;
  #isWhole = false;
  #shown: RunStream | undefined;
  #abortSignal: AbortSignal | undefined;

  constructor(channel: Refreshable, messages: readonly UIMessage[]) {
    this.#channel = channel;
    this.acknowledged = new Set(messages.map(({ id }) => id));
  }

  /** What a send is based on. */
  get baseTurn(): number | undefined {
    return this.turn;
  }

  /** Whether the turn's answer is shown, too: it was in the messages, or its stream was read to its end. */
  get isWhole(): boolean {
    if (this.turn === undefined || this.#isWhole) return this.#isWhole;
    return this.isShowing(this.turn) && !!this.#shown?.ended && !this.#abortSignal?.aborted;
  }

  /** The run that the chat was handed last. */
  get shownRun(): string | undefined {
    return this.#shown?.runId;
  }

  /** Whether the stream that the chat was handed last is this turn's. */
  isShowing(turn: number): boolean {
    return this.#shown?.turn === turn;
  }

  /** The messages are this turn's now, or nobody knows. `isNew`: what was streamed before is not in them. */
  set(turn: number | undefined, isWhole: boolean, isNew: boolean): void {
    this.turn = turn;
    this.#isWhole = isWhole;
    if (isNew) this.#shown = undefined;
  }

  /** It is not certain any more what is shown. */
  lose(): void {
    this.set(undefined, false, true);
  }

  /** A stream is handed to the chat, which reads it until `abortSignal` aborts. */
  show(run: RunStream, abortSignal: AbortSignal | undefined): void {
    this.#isWhole = this.isWhole;
    this.#shown = run;
    this.#abortSignal = abortSignal;
  }

  /** A run that is sent here has begun: its question is shown behind all that the chat has, or somewhere behind it. */
  begin({ own }: RunStream, turn: number): void {
    if (own) for (const { id } of newMessages(own.messages)) this.acknowledged.add(id);
    if (this.turn === turn) return;
    this.set(this.isWhole && this.turn === turn - 1 ? turn : undefined, false, false);
    if (!this.turn) void this.#channel.refresh();
  }

  /** The messages of a send that the chat still shows once it has taken over the state. */
  still<UI_MESSAGE extends UIMessage>(messages: UI_MESSAGE[], state: ChatSnapshot<UI_MESSAGE>): UI_MESSAGE[] {
    return messages.filter(
      (message) =>
        message === messages.at(-1) ||
        !this.acknowledged.has(message.id) ||
        state.messages?.some(({ id }) => id === message.id),
    );
  }
}
