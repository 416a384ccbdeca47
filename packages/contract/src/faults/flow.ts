import type { Socket } from 'node:net';

/** What happens to the bytes of one direction. */
export interface FlowFaults {
  /** Bytes vanish silently: neither the sender nor the receiver learns of it, not even of an end. */
  readonly blackHole?: boolean;
  /** How much later each byte arrives, in milliseconds. */
  readonly delayMs?: number;
  /** How many bytes pass per second. */
  readonly bytesPerSecond?: number;
}

/** How much waits in a slow flow before its sender is held back, in bytes. */
const maxWaitingBytes = 256 * 1024;

/** One direction of one connection: bytes from `source` to `sink`, as `faults` says at each moment. */
export class Flow {
  readonly #source: Socket;
  readonly #sink: Socket;
  readonly #faults: () => FlowFaults;
  readonly #waiting: { readonly bytes: Buffer; readonly at: number }[] = [];
  #waitingBytes = 0;
  #freeAt = 0;
  #ended = false;
  /** Whether bytes have vanished: what follows them would be nonsense, so a flow that lost some stays dead. */
  #isDead = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** `pass` sees what came and answers what goes on. */
  constructor(source: Socket, sink: Socket, faults: () => FlowFaults, pass: (bytes: Buffer) => Buffer) {
    this.#source = source;
    this.#sink = sink;
    this.#faults = faults;
    source.on('data', (received: Buffer) => {
      const bytes = pass(received);
      this.#isDead ||= faults().blackHole ?? false;
      if (this.#isDead || bytes.length === 0) return;
      this.#waiting.push({ bytes, at: performance.now() + (faults().delayMs ?? 0) });
      this.#waitingBytes += bytes.length;
      if (this.#waitingBytes > maxWaitingBytes) source.pause();
      this.#work();
    });
    source.on('end', () => {
      this.#isDead ||= faults().blackHole ?? false;
      if (this.#isDead) return;
      this.#ended = true;
      this.#work();
    });
    sink.on('drain', () => this.#work());
  }

  /** Whether this direction silently carries nothing any more. */
  get isDead(): boolean {
    return this.#isDead || (this.#faults().blackHole ?? false);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#waiting.length = 0;
  }

  #work(): void {
    clearTimeout(this.#timer);
    const now = performance.now();
    for (let next = this.#waiting[0]; next; next = this.#waiting[0]) {
      if (this.#sink.destroyed || this.#sink.writableNeedDrain) return;
      const waitMs = Math.max(next.at, this.#freeAt) - now;
      // The system's timers round down: what is due within the millisecond is due.
      if (waitMs > 1) {
        this.#timer = setTimeout(() => this.#work(), waitMs);
        return;
      }
      this.#waiting.shift();
      this.#waitingBytes -= next.bytes.length;
      const { bytesPerSecond } = this.#faults();
      if (bytesPerSecond) this.#freeAt = Math.max(now, this.#freeAt) + (next.bytes.length / bytesPerSecond) * 1000;
      this.#isDead ||= this.#faults().blackHole ?? false;
      if (!this.#isDead) this.#sink.write(next.bytes);
    }
    if (this.#source.isPaused()) this.#source.resume();
    if (this.#ended && !this.#isDead && !this.#sink.destroyed) this.#sink.end();
  }
}
