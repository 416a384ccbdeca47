import { backoffMs, type Clock, sleep } from '../../clock.ts';
import { ChatTransportError } from '../../errors.ts';
import type { RealtimeServer } from '../../provider/realtime-server.ts';
import type { Frame } from '../../wire/frame.ts';
import { encodeForLimit } from '../../wire/frame-codec.ts';
import type { ServerEvent } from '../events.ts';
import { Notifier } from './notifier.ts';

/** How many messages wait for a slow service per chat. The oldest chunks fall out first: readers fetch them from the log. */
const maxQueuedPublishes = 256;
/** How long one publish may take, in milliseconds. */
const publishTimeoutMs = 10_000;
/** How often a message that met the service's rate limit is tried again. */
const maxRateRetries = 5;

/** Publishes frames in order, one at a time per chat, behind the appends. */
export interface Publisher {
  publish(chatId: string, frame: Frame): void;
  /** When the service takes the next frame, by the clock: flushes wait for it and grow. 0 when it takes one now. */
  availableAt(): number;
  /** Resolves when everything has left, or after `ms`. */
  drain(ms: number): Promise<void>;
  /** Gives up what waits. */
  close(): void;
}

/** A publisher for a service; one that does nothing without a service, or where the log publishes itself. */
export function createPublisher(options: {
  readonly realtime: RealtimeServer | undefined;
  readonly publishesByItself: boolean;
  readonly clock: Clock;
  readonly emit: (event: ServerEvent) => void;
}): Publisher {
  const { realtime, clock } = options;
  if (!realtime || options.publishesByItself) {
    return { publish: () => {}, availableAt: () => 0, drain: async () => {}, close: () => {} };
  }
  return new QueuedPublisher(realtime, clock, options.emit);
}

class QueuedPublisher implements Publisher {
  readonly #realtime: RealtimeServer;
  readonly #clock: Clock;
  readonly #emit: (event: ServerEvent) => void;
  readonly #queues = new Map<string, Frame[]>();
  readonly #closing = new AbortController();
  readonly #underWay = new Set<AbortController>();
  readonly #drained: Notifier;
  /** When the service takes the next message, by its rate and by its last refusal. */
  #nextSlotAt = 0;
  #pausedUntil = 0;
  #refusals = 0;

  constructor(realtime: RealtimeServer, clock: Clock, emit: (event: ServerEvent) => void) {
    this.#realtime = realtime;
    this.#clock = clock;
    this.#emit = emit;
    this.#drained = new Notifier(clock);
  }

  publish(chatId: string, frame: Frame): void {
    if (this.#closing.signal.aborted) return;
    const queue = this.#queues.get(chatId);
    if (queue) {
      queue.push(frame);
      if (queue.length > maxQueuedPublishes) this.#dropOne(chatId, queue);
      return;
    }
    this.#queues.set(chatId, [frame]);
    void this.#work(chatId);
  }

  availableAt(): number {
    return Math.max(this.#pausedUntil, this.#nextSlotAt);
  }

  async drain(ms: number): Promise<void> {
    const until = this.#clock.now() + ms;
    while (this.#queues.size > 0 && this.#clock.now() < until) {
      await this.#drained.wait({ ms: until - this.#clock.now() });
    }
  }

  close(): void {
    this.#closing.abort(new ChatTransportError({ code: 'provider-failed', message: 'The server is closing.' }));
    for (const publish of this.#underWay) publish.abort(this.#closing.signal.reason);
    this.#queues.clear();
    this.#drained.notify();
  }

  /** Starts and ends are few and tell devices what to read: chunks go first. */
  #dropOne(chatId: string, queue: Frame[]): void {
    const index = queue.findIndex((frame) => !('start' in frame) && !('end' in frame));
    queue.splice(Math.max(index, 0), 1);
    const error = new ChatTransportError({
      code: 'rate-limited',
      message: `More than ${maxQueuedPublishes} messages of a chat wait for ${this.#realtime.name}: one was dropped.`,
    });
    this.#emit({ type: 'publish-failed', chatId, error });
  }

  async #work(chatId: string): Promise<void> {
    for (;;) {
      const frame = this.#queues.get(chatId)?.shift();
      if (!frame) break;
      await this.#send(chatId, frame);
    }
    this.#queues.delete(chatId);
    this.#drained.notify();
  }

  async #send(chatId: string, frame: Frame): Promise<void> {
    const { limits } = this.#realtime;
    for (let attempt = 0; ; attempt += 1) {
      const waitMs = this.#takeSlot();
      if (waitMs > 0) await sleep(this.#clock, waitMs, this.#closing.signal);
      if (this.#closing.signal.aborted) return;
      try {
        const data = encodeForLimit(frame, limits.maxMessageBytes);
        await this.#publishOnce(this.#realtime.channelName(chatId), data);
        this.#refusals = 0;
        return;
      } catch (error) {
        if (this.#closing.signal.aborted) return;
        const refused = ChatTransportError.isInstance(error) && error.code === 'rate-limited';
        if (refused) this.#pausedUntil = this.#clock.now() + backoffMs(this.#refusals++);
        if (refused && attempt < maxRateRetries) continue;
        this.#emit({ type: 'publish-failed', chatId, error });
        return;
      }
    }
  }

  /** Reserves the next free moment of the service and answers how far away it is. */
  #takeSlot(): number {
    const now = this.#clock.now();
    const { publishesPerSecond } = this.#realtime.limits;
    const at = Math.max(now, this.#pausedUntil, this.#nextSlotAt);
    if (publishesPerSecond) this.#nextSlotAt = at + 1000 / publishesPerSecond;
    return at - now;
  }

  async #publishOnce(channel: string, data: string): Promise<void> {
    const controller = new AbortController();
    const expire = () => {
      const message = `${this.#realtime.name} did not take a message within ${publishTimeoutMs} ms.`;
      controller.abort(new ChatTransportError({ code: 'provider-failed', message }));
    };
    const timer = this.#clock.setTimeout(expire, publishTimeoutMs);
    const { signal } = controller;
    // Not AbortSignal.any: each one it makes is followed from the long-lived signal until it is collected.
    this.#underWay.add(controller);
    // A provider that ignores the signal must not hold the chat's queue.
    const aborted = new Promise<never>((_resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason));
    });
    try {
      await Promise.race([this.#realtime.publish(channel, data, signal), aborted]);
    } finally {
      this.#underWay.delete(controller);
      this.#clock.clearTimeout(timer);
    }
  }
}
