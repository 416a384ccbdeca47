import type { RunCommand, RunKey } from '../../log/run-log.ts';
import { keyOf } from '../engine.ts';
import { maxQueuedSends } from '../options.ts';

/** A send whose run has not begun. */
interface OpenSend<OUTCOME> {
  /** What distinguishes it from another send with the same run id. */
  readonly content: string;
  readonly outcome: Promise<OUTCOME>;
  /** Whether it has a place in the queue of its chat. */
  isWaiting: boolean;
  /** The user has stopped it while it waited. The log keeps the cancel of a run that has not begun for a minute only. */
  cancel?: RunCommand;
}

/**
 * The sends of this process whose runs have not begun, with `onBusy: 'queue'`. A send has one place, however often its client repeats the request,
 * and keeps it when the client leaves: what was accepted is answered.
 */
export class SendQueue<OUTCOME> {
  readonly #sends = new Map<string, OpenSend<OUTCOME>>();
  readonly #chats = new Map<string, { waiting: number; last: Promise<void> }>();

  /** The open send with this run id. */
  find(key: RunKey): Readonly<OpenSend<OUTCOME>> | undefined {
    return this.#sends.get(keyOf(key));
  }

  /** Keeps a send until `begin` has settled, so that repeats of its request find it. */
  open(key: RunKey, content: string, begin: () => Promise<OUTCOME>): Promise<OUTCOME> {
    // In the next microtask: by then the send can be found.
    const outcome = Promise.resolve()
      .then(begin)
      .finally(() => this.#sends.delete(keyOf(key)));
    this.#sends.set(keyOf(key), { content, outcome, isWaiting: false });
    return outcome;
  }

  /** Remembers the cancel of a send that waits. */
  stop(key: RunKey, cancel: RunCommand): void {
    const send = this.#sends.get(keyOf(key));
    if (send) send.cancel = cancel;
  }

  /** Whether sends wait for this chat. */
  isUsed(chatId: string): boolean {
    return this.#chats.has(chatId);
  }

  /** Resolves when the sends in front are through, with the function that lets the next one go; `undefined` at once when too many wait. */
  enter(key: RunKey): Promise<() => void> | undefined {
    const { chatId } = key;
    const chat = this.#chats.get(chatId) ?? { waiting: 0, last: Promise.resolve() };
    if (chat.waiting >= maxQueuedSends) return;
    this.#chats.set(chatId, chat);
    chat.waiting += 1;
    const send = this.#sends.get(keyOf(key));
    if (send) send.isWaiting = true;
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
