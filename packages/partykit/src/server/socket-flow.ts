/** How much one socket may have unread, in UTF-16 units. What comes on top stays in the log. */
export const maxUnreadLength: number = 1024 * 1024;
/**
 * How much all sockets of an object may have unread together, in UTF-16 units: many slow readers share it.
 * @source https://developers.cloudflare.com/durable-objects/platform/limits/ (read 2026-11-22): an object has 128 MB of
 * memory
 */
export const maxUnreadTotal: number = 32 * 1024 * 1024;

/** How much is sent between two marks, in UTF-16 units. Shorter answers cost their readers no message. */
const markEveryLength = 256 * 1024;

/**
 * What one socket has on its way. The platform does not report what a client has read, so marks between the messages do:
 * the client returns each, and can know it only by reading up to it.
 */
export class SocketFlow {
  #unread = 0;
  #sinceMark = 0;
  #isBehind = false;
  readonly #marks: { readonly name: string; readonly length: number }[] = [];

  /**
   * Whether a message of this length may go out now; else the client is behind, and reads from the log once it has
   * caught up.
   */
  admits(length: number, sockets: number): boolean {
    const limit = Math.min(maxUnreadLength, maxUnreadTotal / sockets);
    this.#isBehind ||= this.#unread > 0 && this.#unread + length > limit;
    return !this.#isBehind;
  }

  /** Counts a message that was sent. */
  sent(length: number): void {
    this.#unread += length;
    this.#sinceMark += length;
  }

  /** The mark to send now, if one is due: after enough messages, and behind the last one that a slow client gets. */
  nextMark(): string | undefined {
    if (this.#sinceMark < markEveryLength && !(this.#isBehind && this.#sinceMark > 0)) return undefined;
    const name = crypto.randomUUID();
    this.#marks.push({ name, length: this.#sinceMark });
    this.#sinceMark = 0;
    return name;
  }

  /** The client has returned a mark. True when it was behind and has read all that it got. */
  returned(name: unknown): boolean {
    const index = this.#marks.findIndex((mark) => mark.name === name);
    for (const { length } of this.#marks.splice(0, index + 1)) this.#unread -= length;
    if (!this.#isBehind || this.#unread > 0) return false;
    this.#isBehind = false;
    return true;
  }
}
