import type { IncomingMessage } from 'node:http';
import type { WebSocket } from 'ws';
import type { ServerFrame } from '../socket-wire.ts';
import type { ResolvedOptions } from './options.ts';

/**
 * The close codes of this server, beside those of RFC 6455 (1003 for binary frames, 1009 for frames over
 * `maxPayloadBytes`).
 */
export const closeCodes = {
  goingAway: 1001,
  unsupportedData: 1003,
  invalidFrame: 1008,
  internalError: 1011,
  subscribeTimeout: 4408,
  denied: 4403,
} as const;

const maxQueuedFrames = 64;

/** What a connection reports to its creator. */
export interface ConnectionEvents {
  /** One text frame. The next one waits until this is settled. */
  onText(text: string): Promise<void>;
  /** The bytes that waited for a slow reader are on their way. */
  onDrained(): void;
  onClosed(): void;
}

/** One socket: frames in order, bounded buffers, heartbeats. It knows nothing of chats. */
export class SocketConnection {
  readonly handshake: IncomingMessage;
  /** Whether one subscription or request was accepted: such a socket may be idle. */
  proved = false;
  readonly #socket: WebSocket;
  readonly #options: ResolvedOptions;
  readonly #events: ConnectionEvents;
  readonly #openedAt: number;
  readonly #waiting = new Set<() => void>();
  #heardAt: number;
  #pingedAt: number;
  #queue: Promise<void> = Promise.resolve();
  #queuedFrames = 0;
  #queuedLength = 0;
  #isBehind = false;

  constructor(socket: WebSocket, handshake: IncomingMessage, options: ResolvedOptions, events: ConnectionEvents) {
    this.#socket = socket;
    this.handshake = handshake;
    this.#options = options;
    this.#events = events;
    this.#openedAt = this.#heardAt = this.#pingedAt = options.now();
    const heard = (): void => {
      this.#heardAt = options.now();
    };
    socket.on('pong', heard).on('ping', heard).on('message', heard);
    socket.on('message', (data, isBinary) => {
      if (isBinary) this.close(closeCodes.unsupportedData, 'text frames only');
      else this.#receive(data.toString());
    });
    // ws closes by itself after an error (1009 for a frame over the limit); without a listener the process would die of
    // it.
    socket.on('error', () => {});
    socket.on('close', () => {
      this.#releaseWaiting();
      events.onClosed();
    });
  }

  get isOpen(): boolean {
    return this.#socket.readyState === this.#socket.OPEN;
  }

  /**
   * Sends a small frame at once. A client that keeps asking and never reads is cut off: its answers would fill the
   * memory.
   */
  tell(frame: ServerFrame): void {
    const { maxBufferedBytes, maxMessageBytes } = this.#options;
    if (this.#socket.bufferedAmount > 2 * Math.max(maxBufferedBytes, maxMessageBytes)) this.terminate();
    else this.#send(JSON.stringify(frame));
  }

  /** Sends `payload` unless too much waits already. False: it was dropped, and `onDrained` will be called. */
  offer(payload: Buffer): boolean {
    const { bufferedAmount } = this.#socket;
    this.#isBehind ||= bufferedAmount > 0 && bufferedAmount + payload.length > this.#options.maxBufferedBytes;
    if (!this.#isBehind) this.#send(payload);
    return !this.#isBehind;
  }

  /**
   * Sends `text` and resolves when there is room for more, or when the socket is closed. A client that was granted
   * nothing yet and does not read is cut off: what waits behind this text would fill the memory.
   */
  async sendSlowly(text: string): Promise<void> {
    if (!this.isOpen) return;
    this.#send(text);
    if (this.#socket.bufferedAmount <= this.#options.maxBufferedBytes) return;
    if (!this.proved) return this.terminate();
    await new Promise<void>((resolve) => this.#waiting.add(resolve));
  }

  /** Heartbeat and time limits; called by the server's one timer. */
  check(now: number): void {
    const { deadAfterMs, subscribeTimeoutMs, heartbeatMs } = this.#options;
    if (now - this.#heardAt >= deadAfterMs) {
      this.terminate();
    } else if (!this.proved && now - this.#openedAt >= subscribeTimeoutMs) {
      this.close(closeCodes.subscribeTimeout, `no subscription within ${subscribeTimeoutMs} ms`);
    } else if (this.isOpen && now - this.#pingedAt >= heartbeatMs) {
      this.#pingedAt = now;
      this.#socket.ping();
    }
  }

  close(code: number, reason: string): void {
    this.#socket.close(code, reason);
  }

  /** Ends the socket without a farewell. */
  terminate(): void {
    this.#socket.terminate();
  }

  #receive(text: string): void {
    if (!this.isOpen) return;
    this.#count(1, text.length);
    this.#queue = this.#queue
      .then(() => (this.isOpen ? this.#events.onText(text) : undefined))
      .catch(() => this.close(closeCodes.internalError, 'internal error'))
      .then(() => this.#count(-1, -text.length));
  }

  /** Takes no more frames while too many, or too large ones, wait. */
  #count(frames: number, length: number): void {
    this.#queuedFrames += frames;
    this.#queuedLength += length;
    const isFull = this.#queuedFrames >= maxQueuedFrames || this.#queuedLength >= this.#options.maxPayloadBytes;
    if (isFull) this.#socket.pause();
    else if (this.#socket.isPaused) this.#socket.resume();
  }

  #send(data: string | Buffer): void {
    if (this.isOpen) this.#socket.send(data, { binary: false }, this.#onSent);
  }

  readonly #onSent = (): void => {
    if (this.#socket.bufferedAmount > this.#options.maxBufferedBytes / 2) return;
    this.#releaseWaiting();
    if (!this.#isBehind || !this.isOpen) return;
    this.#isBehind = false;
    this.#events.onDrained();
  };

  #releaseWaiting(): void {
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }
}
