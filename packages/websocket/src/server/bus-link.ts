import { randomUUID } from 'node:crypto';
import { ChatTransportError } from '@chat-transport/core/provider';
import type { WebSocketBus } from './options.ts';

/** This process on the bus. Messages carry the sender's name in front, so that its own are not delivered twice. */
export class BusLink {
  readonly #bus: WebSocketBus;
  readonly #name: string = randomUUID();
  readonly #subscribed: Promise<() => void>;

  constructor(bus: WebSocketBus, deliver: (channel: string, data: string) => void) {
    this.#bus = bus;
    this.#subscribed = this.#subscribe(deliver);
    // A bus that cannot be subscribed shows at each publish.
    this.#subscribed.catch(() => {});
  }

  /** @throws ChatTransportError `provider-failed` when the bus cannot be subscribed or does not take the message. */
  async publish(channel: string, data: string): Promise<void> {
    try {
      await this.#subscribed;
      await this.#bus.publish(channel, `${this.#name} ${data}`);
    } catch (cause) {
      throw new ChatTransportError({ code: 'provider-failed', message: 'The bus did not take a message.', cause });
    }
  }

  async close(): Promise<void> {
    const unsubscribe = await this.#subscribed.catch(() => undefined);
    unsubscribe?.();
  }

  async #subscribe(deliver: (channel: string, data: string) => void): Promise<() => void> {
    return this.#bus.subscribe((channel, data) => {
      const space = data.indexOf(' ');
      if (data.slice(0, space) !== this.#name) deliver(channel, data.slice(space + 1));
    });
  }
}
