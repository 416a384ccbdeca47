import type { UIMessage } from 'ai';

/** How many ids are looked for one by one. A set of them all pays only where more are asked for. */
const maxScans = 4;

/** The messages that a chat has, for questions about another conversation that mostly is the same: a send costs what is new, however long the chat is. */
export class KnownMessages {
  readonly #messages: readonly UIMessage[];
  #ids: ReadonlySet<string> | undefined;
  #scans = 0;

  constructor(messages: readonly UIMessage[]) {
    this.#messages = messages;
  }

  get isEmpty(): boolean {
    return this.#messages.length === 0;
  }

  /** Whether the chat has a message with this one's id. `at` is its place in the other conversation. */
  has(message: UIMessage, at: number): boolean {
    if (this.#messages[at] === message) return true;
    this.#scans += 1;
    if (this.#scans <= maxScans) return this.#messages.some(({ id }) => id === message.id);
    this.#ids ??= new Set(this.#messages.map(({ id }) => id));
    return this.#ids.has(message.id);
  }
}
