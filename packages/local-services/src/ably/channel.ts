import type { AblyLimits } from './limits.ts';
import { messageActions, Refusal, type WireMessage } from './protocol.ts';
import { Rate } from './rate.ts';

/** What was published at once: one or more messages under one serial. */
export interface Entry {
  readonly channelSerial: string;
  readonly at: number;
  readonly id: string;
  readonly connectionId: string | undefined;
  readonly messages: readonly WireMessage[];
}

/** Who publishes. */
export interface Publisher {
  readonly connectionId?: string | undefined;
  readonly clientId?: string | undefined;
  /** The id of what comes without one. */
  readonly id: string;
}

/** Makes serials that sort as text in the order in which they were made. Another series does not know them. */
export class Serials {
  readonly #series = crypto.randomUUID().slice(0, 10);
  #count = 0;

  next(): string {
    this.#count += 1;
    return `${String(this.#count).padStart(12, '0')}@${this.#series}`;
  }

  knows(serial: string): boolean {
    return serial.split(':')[0]?.endsWith(`@${this.#series}`) ?? false;
  }
}

/** One channel: what was published within the last two minutes, and who listens. */
export class Channel {
  readonly name: string;
  readonly listeners: Set<(entry: Entry) => void> = new Set();
  /** The serial of the newest entry, or of the beginning. */
  head: string;
  readonly #serials: Serials;
  readonly #limits: AblyLimits;
  readonly #now: () => number;
  readonly #rate: Rate;
  /** Messages as they stand after updates and appends, by serial. */
  readonly #latest = new Map<string, WireMessage>();
  #log: Entry[] = [];
  #droppedUntil: string;

  constructor(name: string, serials: Serials, limits: AblyLimits, now: () => number) {
    this.name = name;
    this.#serials = serials;
    this.#limits = limits;
    this.#now = now;
    this.#rate = new Rate(now);
    this.head = serials.next();
    this.#droppedUntil = this.head;
  }

  /**
   * Publishes messages at once, and answers their serials. What was published before under the same id is not published again.
   * @throws Refusal 40009, 40031, 42913, 40400.
   */
  publish(messages: readonly WireMessage[], publisher: Publisher): readonly string[] {
    this.#trim();
    const size = Buffer.byteLength(JSON.stringify(messages.map(({ name = '', data = '' }) => [name, data])));
    if (size > this.#limits.maxMessageBytes + 64) throw new Refusal(40009, 413, 'Maximum message length exceeded');
    const base = checkedBase(messages);
    const known = base && this.#log.find(({ id }) => id === base);
    if (known) return known.messages.map(({ serial = '' }) => serial);
    if (this.#rate.add(messages.length) > this.#limits.channelPublishesPerSecond)
      throw new Refusal(42913, 429, 'Per-channel message rate limit exceeded');
    const channelSerial = this.#serials.next();
    const id = base ?? publisher.id;
    const at = this.#now();
    const sent = messages.map((message, index) => {
      const serial = `${channelSerial}:${String(index).padStart(3, '0')}`;
      const stamped = {
        ...message,
        id: message.id ?? `${id}:${index}`,
        timestamp: at,
        ...(publisher.connectionId && { connectionId: publisher.connectionId }),
        ...(publisher.clientId && { clientId: publisher.clientId }),
      };
      const { action = messageActions.create } = message;
      return action === messageActions.create ? this.#create(stamped, serial) : this.#mutate(stamped, serial);
    });
    const entry: Entry = { channelSerial, at, id, connectionId: publisher.connectionId, messages: sent };
    this.head = channelSerial;
    this.#log.push(entry);
    for (const listener of [...this.listeners]) listener(entry);
    return sent.map(({ version, serial = '' }) => version?.serial ?? serial);
  }

  /** Entries after a serial that a client has; nothing where it is too old, or of another series. */
  since(serial: string): readonly Entry[] | undefined {
    this.#trim();
    if (!this.#serials.knows(serial) || serial < this.#droppedUntil) return;
    return this.#log.filter(({ channelSerial }) => channelSerial > serial);
  }

  /** What `rewind` asks for: a number of messages, or a time such as `2m`. */
  rewound(rewind: string): readonly Entry[] {
    this.#trim();
    const [, amount, unit] = /^(\d+)([sm])?$/.exec(rewind) ?? [];
    if (!unit) return this.#log.slice(-Number(amount));
    const from = this.#now() - Number(amount) * (unit === 's' ? 1000 : 60_000);
    return this.#log.filter(({ at }) => at >= from);
  }

  /** Messages as they stand now, oldest first, until a serial. */
  history(untilSerial: string | null): readonly WireMessage[] {
    this.#trim();
    return this.#log
      .filter(({ channelSerial }) => !untilSerial || channelSerial <= untilSerial)
      .flatMap(({ messages }) => messages)
      .filter(({ action }) => action === messageActions.create)
      .flatMap(({ serial = '' }) => this.#latest.get(serial) ?? []);
  }

  latest(serial: string): WireMessage {
    const message = this.#latest.get(serial);
    if (!message) throw new Refusal(40400, 404, 'Message not found');
    return message;
  }

  #create(message: WireMessage, serial: string): WireMessage {
    const created = {
      ...message,
      action: messageActions.create,
      serial,
      version: { serial, timestamp: message.timestamp ?? 0 },
    };
    this.#latest.set(serial, created);
    return created;
  }

  /** An update replaces fields; an append adds to `data`, and only what it adds is sent. */
  #mutate(message: WireMessage, versionSerial: string): WireMessage {
    const old = this.latest(message.serial ?? '');
    const version = { ...message.version, serial: versionSerial, timestamp: message.timestamp ?? 0 };
    const isAppend = message.action === messageActions.append;
    const given = Object.fromEntries(Object.entries(message).filter(([, value]) => value !== undefined));
    const next: WireMessage = {
      ...old,
      ...given,
      ...(old.id && { id: old.id }),
      ...(isAppend && { data: `${old.data ?? ''}${message.data ?? ''}` }),
      action: isAppend ? messageActions.update : (message.action as number),
      version,
    };
    this.#latest.set(message.serial ?? '', next);
    return isAppend ? { ...next, action: messageActions.append, data: message.data } : next;
  }

  #trim(): void {
    const oldest = this.#now() - this.#limits.connectionStateTtlMs;
    const kept = this.#log.findIndex(({ at }) => at >= oldest);
    const dropped = this.#log.splice(0, kept < 0 ? this.#log.length : kept);
    for (const { messages } of dropped)
      for (const { serial, action } of messages)
        if (action === messageActions.create) this.#latest.delete(serial ?? '');
    this.#droppedUntil = dropped.at(-1)?.channelSerial ?? this.#droppedUntil;
  }
}

/**
 * What the ids of messages that are published at once have in common: an id of its own for one message, `<base>:<index>` for each of several.
 * @throws Refusal 40031
 */
function checkedBase(messages: readonly WireMessage[]): string | undefined {
  const ids = messages.map(({ id }) => id);
  if (ids.every((id) => id === undefined)) return;
  const [first] = ids;
  if (ids.length === 1 && first !== undefined && !first.includes(':')) return first;
  const base = first?.replace(/:0$/, '');
  if (base !== first && ids.every((id, index) => id === `${base}:${index}`)) return base;
  throw new Refusal(40031, 400, 'Invalid publish request (invalid client-specified id)');
}
