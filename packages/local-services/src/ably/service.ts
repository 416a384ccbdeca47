import type { AccessControl } from './access.ts';
import { Channel, type Publisher, Serials } from './channel.ts';
import type { Connection } from './connection.ts';
import type { AblyLimits } from './limits.ts';
import type { WireMessage } from './protocol.ts';

/** Messages since the start. Ably bills each that is published, and each that is delivered. */
export interface MessageCounts {
  published: number;
  delivered: number;
}

/** What all connections and requests of one running service share. A restarted service has lost it. */
export class Service {
  readonly access: AccessControl;
  readonly limits: AblyLimits;
  readonly counts: MessageCounts;
  readonly connections: Map<string, Connection> = new Map();
  readonly now: () => number;
  readonly #channels = new Map<string, Channel>();
  readonly #serials = new Serials();

  constructor(options: {
    readonly access: AccessControl;
    readonly limits: AblyLimits;
    readonly counts: MessageCounts;
    readonly now: () => number;
  }) {
    this.access = options.access;
    this.limits = options.limits;
    this.counts = options.counts;
    this.now = options.now;
  }

  channel(name: string): Channel {
    const channel = this.#channels.get(name) ?? new Channel(name, this.#serials, this.limits, this.now);
    this.#channels.set(name, channel);
    return channel;
  }

  publish(channel: Channel, messages: readonly WireMessage[], publisher: Publisher): readonly string[] {
    const { head } = channel;
    const serials = channel.publish(messages, publisher);
    if (channel.head !== head) this.counts.published += messages.length;
    return serials;
  }

  /** The connection that a key resumes, while it is remembered. */
  resumable(key: string | null): Connection | undefined {
    const oldest = this.now() - this.limits.connectionStateTtlMs;
    for (const connection of this.connections.values())
      if ((connection.leftAt ?? oldest) < oldest) this.forget(connection);
    return key ? [...this.connections.values()].find((each) => each.key === key) : undefined;
  }

  forget(connection: Connection): void {
    this.connections.delete(connection.id);
  }
}
