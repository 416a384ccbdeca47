import { maxQueuedSends } from '../options.ts';

/** Sends that wait for their chat, first come, first served. */
export class SendQueue {
  readonly #chats = new Map<string, { waiting: number; last: Promise<void> }>();

  /** Whether sends wait for this chat. */
  isUsed(chatId: string): boolean {
    return this.#chats.has(chatId);
  }

  /** Resolves when the sends in front are through, with the function that lets the next one go; `undefined` at once when too many wait. */
  enter(chatId: string): Promise<() => void> | undefined {
    const chat = this.#chats.get(chatId) ?? { waiting: 0, last: Promise.resolve() };
    if (chat.waiting >= maxQueuedSends) return;
    this.#chats.set(chatId, chat);
    chat.waiting += 1;
    const before = chat.last;
    let release = () => {};
    chat.last = new Promise((resolve) => {
      release = resolve;
    });
    return before.then(() => () => {
      chat.waiting -= 1;
      if (chat.waiting === 0) this.#chats.delete(chatId);
      release();
    });
  }
}
