import type { Clock } from '../../clock.ts';
import { ChatTransportError } from '../../errors.ts';
import type { RealtimeServer } from '../../provider/realtime-server.ts';
import type { Frame } from '../../wire/frame.ts';
import { encodeForLimit } from '../../wire/frame-codec.ts';
import type { ServerEvent } from '../events.ts';
import { Notifier } from './notifier.ts';
import { PublishGate } from './publish-gate.ts';
import { PublishQueue, type QueuedMessage } from './publish-queue.ts';

/** How much waits for a service over all chats of this process, in characters of JSON. With more, chats that add to it get pointers. */
export const maxWaitingInProcess: number = 16 * 1024 * 1024;
/** How long a frame may wait for a service that refuses, in milliseconds. Then what waits for its chat is given up. */
export const maxPublishWaitMs = 60_000;
/** How long one publish may take, in milliseconds. */
export const publishTimeoutMs = 10_000;
/** How many messages of a chat may be under way to a service that is `pipelined`. */
export const maxPublishesUnderWay = 16;

/**
 * Publishes frames behind the appends. It slows nobody but itself: what a service does not take in time waits here, merges, and becomes
 * pointers when it is too much.
 */
export interface Publisher {
  publish(chatId: string, frame: Frame): void;
  /** Lets everything leave that waits. Resolves when it has left, or after `ms`. */
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
  const { realtime, clock, emit } = options;
  if (!realtime || options.publishesByItself) return { publish: () => {}, drain: async () => {}, close: () => {} };
  if (realtime.publishNow) return directPublisher(realtime, emit);
  return new QueuedPublisher(realtime, clock, emit);
}

/** A service that is this process takes everything at once. */
function directPublisher(realtime: RealtimeServer, emit: (event: ServerEvent) => void): Publisher {
  let isClosed = false;
  return {
    publish(chatId, frame) {
      if (isClosed) return;
      try {
        const data = encodeForLimit(frame, realtime.limits.maxMessageBytes);
        realtime.publishNow?.(realtime.channelName(chatId), data);
      } catch (error) {
        emit({ type: 'publish-failed', chatId, error });
      }
    },
    drain: async () => {},
    close() {
      isClosed = true;
    },
  };
}

/** One chat's way to the service. */
interface Outbox {
  readonly chatId: string;
  readonly queue: PublishQueue;
  underWay: number;
  /** Fires when the queue is due, or no longer needed. */
  timer: unknown;
}

class QueuedPublisher implements Publisher {
  readonly #realtime: RealtimeServer;
  readonly #clock: Clock;
  readonly #emit: (event: ServerEvent) => void;
  readonly #gate: PublishGate;
  readonly #waiting = { length: 0 };
  readonly #outboxes = new Map<string, Outbox>();
  /** The chats whose next message may leave, in the order in which they became ready. */
  readonly #ready = new Set<Outbox>();
  readonly #underWay = new Set<AbortController>();
  readonly #changed: Notifier;
  #gateTimer: unknown;
  #state: 'open' | 'draining' | 'closed' = 'open';

  constructor(realtime: RealtimeServer, clock: Clock, emit: (event: ServerEvent) => void) {
    this.#realtime = realtime;
    this.#clock = clock;
    this.#emit = emit;
    this.#gate = new PublishGate(realtime.limits.publishesPerSecond);
    this.#changed = new Notifier(clock);
  }

  publish(chatId: string, frame: Frame): void {
    if (this.#state === 'closed') return;
    const outbox = this.#outboxOf(chatId);
    const outcome = outbox.queue.push(frame, this.#clock.now());
    if (outcome === 'dropped')
      this.#fail(chatId, 'rate-limited', `has too many waiting messages of a chat: some were dropped.`);
    if (outcome === 'kept' && this.#waiting.length > maxWaitingInProcess) outbox.queue.condense();
    this.#schedule(outbox);
  }

  async drain(ms: number): Promise<void> {
    if (this.#state === 'open') this.#state = 'draining';
    const until = this.#clock.now() + ms;
    for (const outbox of [...this.#outboxes.values()]) this.#schedule(outbox);
    while (!this.#isIdle() && this.#clock.now() < until) await this.#changed.wait({ ms: until - this.#clock.now() });
  }

  close(): void {
    this.#state = 'closed';
    const reason = new ChatTransportError({ code: 'shutting-down', message: 'The server is closing.' });
    for (const publish of this.#underWay) publish.abort(reason);
    for (const { timer } of this.#outboxes.values()) this.#clock.clearTimeout(timer);
    this.#clock.clearTimeout(this.#gateTimer);
    this.#outboxes.clear();
    this.#ready.clear();
    this.#changed.notify();
  }

  #outboxOf(chatId: string): Outbox {
    const known = this.#outboxes.get(chatId);
    if (known) return known;
    const outbox: Outbox = {
      chatId,
      queue: new PublishQueue(this.#realtime.limits, this.#waiting),
      underWay: 0,
      timer: undefined,
    };
    this.#outboxes.set(chatId, outbox);
    return outbox;
  }

  #isIdle(): boolean {
    return [...this.#outboxes.values()].every(({ queue, underWay }) => queue.isEmpty && underWay === 0);
  }

  /** Puts a chat among the ready ones once its next message is due, and forgets one that is not needed any more. */
  #schedule(outbox: Outbox): void {
    if (this.#state === 'closed' || this.#ready.has(outbox)) return;
    this.#clock.clearTimeout(outbox.timer);
    outbox.timer = undefined;
    const { queue, underWay, chatId } = outbox;
    const isBusy = underWay >= (this.#realtime.limits.pipelined ? maxPublishesUnderWay : 1);
    if (isBusy) return;
    const now = this.#clock.now();
    const isKept = !queue.isEmpty || underWay > 0;
    const waitMs = (queue.isEmpty ? queue.keptUntilMs : queue.dueAt()) - now;
    if (waitMs > 0 && (this.#state === 'open' || queue.isEmpty)) {
      outbox.timer = this.#clock.setTimeout(() => this.#schedule(outbox), waitMs);
      if (queue.isEmpty) (outbox.timer as { unref?: () => void }).unref?.();
    } else if (!queue.isEmpty) {
      this.#ready.add(outbox);
      this.#sendReady();
    } else if (!isKept) this.#outboxes.delete(chatId);
  }

  /** Sends one message of each ready chat, as far as the service takes them. */
  #sendReady(): void {
    for (const outbox of this.#ready) {
      const now = this.#clock.now();
      const waitMs = this.#gate.waitMs(now);
      if (waitMs > 0) return this.#waitForGate(waitMs);
      this.#ready.delete(outbox);
      const message = outbox.queue.take(now);
      if (message) void this.#send(outbox, message);
      this.#schedule(outbox);
    }
  }

  #waitForGate(waitMs: number): void {
    this.#clock.clearTimeout(this.#gateTimer);
    // A wait without an end needs no timer: when the message that was sent ahead settles, `#send` calls `#sendReady` again.
    if (Number.isFinite(waitMs)) this.#gateTimer = this.#clock.setTimeout(() => this.#sendReady(), waitMs);
  }

  async #send(outbox: Outbox, message: QueuedMessage): Promise<void> {
    const { chatId, queue } = outbox;
    const pass = this.#gate.pass(this.#clock.now());
    outbox.underWay += 1;
    try {
      await this.#publishOnce(this.#realtime.channelName(chatId), message);
      this.#gate.settle(pass, 'taken', this.#clock.now());
    } catch (error) {
      const isRefused = ChatTransportError.isInstance(error) && error.code === 'rate-limited';
      this.#gate.settle(pass, isRefused ? 'refused' : 'failed', this.#clock.now());
      if (this.#state !== 'closed') this.#emit({ type: 'publish-failed', chatId, error });
      if (isRefused) queue.putBack(message.frames);
      if (isRefused) this.#giveUpOld();
    }
    outbox.underWay -= 1;
    if (this.#state === 'closed') return;
    this.#schedule(outbox);
    this.#sendReady();
    this.#changed.notify();
  }

  /** A service that refuses for long gets what is new: what is old is read from the log. */
  #giveUpOld(): void {
    const oldest = this.#clock.now() - maxPublishWaitMs;
    for (const { chatId, queue } of this.#outboxes.values()) {
      if (queue.oldestMs > oldest) continue;
      queue.clear();
      this.#fail(chatId, 'rate-limited', `took no message of a chat for ${maxPublishWaitMs} ms: they were dropped.`);
    }
  }

  #fail(chatId: string, code: 'rate-limited', what: string): void {
    const error = new ChatTransportError({ code, message: `${this.#realtime.name} ${what}` });
    this.#emit({ type: 'publish-failed', chatId, error });
  }

  async #publishOnce(channel: string, { data, id }: QueuedMessage): Promise<void> {
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
      await Promise.race([this.#realtime.publish(channel, data, signal, id), aborted]);
    } finally {
      this.#underWay.delete(controller);
      this.#clock.clearTimeout(timer);
    }
  }
}
