import type { WebSocket } from 'ws';
import { type Access, demand, isAllowed } from './access.ts';
import type { Entry } from './channel.ts';
import { decodeBody, encodeBody, type Format } from './codec.ts';
import {
  actions,
  checkChannelName,
  flags,
  messageActions,
  type ProtocolMessage,
  Refusal,
  type WireMessage,
} from './protocol.ts';
import { Rate } from './rate.ts';
import type { Service } from './service.ts';

const modes = flags.publish | flags.subscribe;
/** How long before a token expires its client is asked for another, in milliseconds. Tokens that live no longer just expire. */
const askAheadMs = 30_000;

interface Attachment {
  readonly flags: number;
  readonly params: Readonly<Record<string, string>> | undefined;
  leave(): void;
}

/** One client's connection. It outlives its sockets, so that it can be resumed. */
export class Connection {
  readonly id: string = crypto.randomUUID().slice(0, 12);
  readonly key: string = crypto.randomUUID();
  /** When its socket went; nothing while it has one. */
  leftAt: number | undefined;
  #access: Access;
  #format: Format = 'json';
  #echo = true;
  #socket: WebSocket | undefined;
  #timers: NodeJS.Timeout[] = [];
  readonly #service: Service;
  readonly #attachments = new Map<string, Attachment>();
  readonly #publishes: Rate;
  readonly #deliveries: Rate;

  constructor(service: Service, access: Access) {
    this.#service = service;
    this.#access = access;
    this.#publishes = new Rate(service.now);
    this.#deliveries = new Rate(service.now);
  }

  /** Goes on over a socket. Channels have to be attached again, from the serial that the client has of each. */
  open(socket: WebSocket, query: URLSearchParams, access: Access): void {
    this.#socket?.terminate();
    this.#leaveAll();
    this.#socket = socket;
    this.leftAt = undefined;
    this.#format = query.get('format') === 'msgpack' ? 'msgpack' : 'json';
    this.#echo = query.get('echo') !== 'false';
    const { maxIdleMs } = this.#service.limits;
    const beat = (): void =>
      query.get('heartbeats') === 'true' ? this.#send({ action: actions.heartbeat }) : socket.ping();
    const heartbeat = setInterval(beat, maxIdleMs / 2);
    socket.on('message', (bytes: Buffer) => this.#receive(bytes));
    socket.on('close', () => {
      clearInterval(heartbeat);
      if (this.#socket !== socket) return;
      this.#socket = undefined;
      this.leftAt = this.#service.now();
      this.#leaveAll();
      this.#forgetTimers();
    });
    this.#authorized(access);
  }

  /** Asks the client for another token, as Ably does ahead of a token's end. */
  askForToken(): void {
    this.#send({ action: actions.auth });
  }

  /** The token is no good any more: the client may come back with another one. */
  expire(refusal: Refusal = new Refusal(40142, 401, 'Token expired')): void {
    this.#send({ action: actions.disconnected, error: refusal.info });
    this.#socket?.close();
  }

  /** Applies a revocation. */
  recheck(): void {
    if (this.#service.access.isRevoked(this.#access)) this.expire(new Refusal(40141, 401, 'Token revoked'));
  }

  terminate(): void {
    this.#socket?.terminate();
  }

  #authorized(access: Access): void {
    this.#access = access;
    this.#forgetTimers();
    const { limits } = this.#service;
    const connectionDetails = {
      connectionKey: this.key,
      ...(access.clientId && { clientId: access.clientId }),
      maxMessageSize: limits.maxMessageBytes,
      maxInboundRate: limits.connectionPublishesPerSecond,
      maxFrameSize: 524_288,
      serverId: 'emulator',
      connectionStateTtl: limits.connectionStateTtlMs,
      maxIdleInterval: limits.maxIdleMs,
    };
    this.#send({ action: actions.connected, connectionId: this.id, connectionKey: this.key, connectionDetails });
    for (const [channel, attachment] of this.#attachments) {
      if (isAllowed(access, channel, 'subscribe')) continue;
      attachment.leave();
      this.#attachments.delete(channel);
      const { info } = new Refusal(40160, 401, 'Channel denied access based on given capability');
      this.#send({ action: actions.error, channel, error: info });
    }
    if (access.expiresAt === undefined) return;
    const leftMs = access.expiresAt - this.#service.now();
    this.#timers.push(setTimeout(() => this.expire(), leftMs));
    if (leftMs > askAheadMs) this.#timers.push(setTimeout(() => this.askForToken(), leftMs - askAheadMs));
  }

  #receive(bytes: Buffer): void {
    const message = decodeBody<ProtocolMessage>(this.#format, bytes);
    try {
      if (message.action === actions.heartbeat)
        this.#send({ action: actions.heartbeat, ...(message.id && { id: message.id }) });
      else if (message.action === actions.close) this.#close();
      else if (message.action === actions.auth) this.#reauthorize(message);
      else if (message.action === actions.attach) this.#attach(message);
      else if (message.action === actions.detach) this.#detach(message.channel ?? '');
      else if (message.action === actions.message) this.#publish(message);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      const { channel } = message;
      this.#send({ action: actions.error, ...(channel !== undefined && { channel }), error: error.info });
    }
  }

  #close(): void {
    this.#send({ action: actions.closed });
    this.#service.forget(this);
    this.#socket?.close();
  }

  /** A bad token ends the connection. */
  #reauthorize({ auth }: ProtocolMessage): void {
    try {
      this.#authorized(this.#service.access.check({ token: auth?.accessToken ?? null }));
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.fail(error);
    }
  }

  /** Ends the connection for good. */
  fail(refusal: Refusal): void {
    this.#send({ action: actions.error, error: refusal.info });
    this.#service.forget(this);
    this.#socket?.close();
  }

  #attach({ channel: given, flags: wanted = 0, params, channelSerial }: ProtocolMessage): void {
    const channel = this.#service.channel(checkChannelName(given));
    const { limits } = this.#service;
    this.#attachments.get(channel.name)?.leave();
    this.#attachments.delete(channel.name);
    if (this.#attachments.size >= limits.channelsPerConnection)
      throw new Refusal(90010, 400, `A connection may have ${limits.channelsPerConnection} channels`);
    let granted = wanted & modes || modes;
    if (!isAllowed(this.#access, channel.name, 'subscribe')) granted &= ~flags.subscribe;
    if (!isAllowed(this.#access, channel.name, 'publish')) granted &= ~flags.publish;
    if (!granted) throw new Refusal(40160, 401, 'Channel denied access based on given capability');

    const missed = channelSerial ? channel.since(channelSerial) : undefined;
    const rewound = !channelSerial && params?.rewind ? channel.rewound(params.rewind) : [];
    const isLost = Boolean(channelSerial) && !missed;
    this.#send({
      action: actions.attached,
      channel: channel.name,
      flags: granted | (missed ? flags.resumed : 0) | (rewound.length > 0 ? flags.hasBacklog : 0),
      channelSerial: missed && channelSerial ? channelSerial : channel.head,
      ...(params && { params }),
      ...(isLost && { error: new Refusal(91001, 400, 'Unable to recover channel (messages expired)').info }),
    });
    let isInterrupted = false;
    const deliver = (entry: Entry): void => {
      if (!(granted & flags.subscribe) || isInterrupted) return;
      if (!this.#echo && entry.connectionId === this.id) return;
      if (this.#deliveries.add(entry.messages.length) <= limits.deliveriesPerSecond)
        return this.#deliver(channel.name, entry);
      // What is above the limit is dropped, and a moment later the client hears that it lost something.
      isInterrupted = true;
      const tell = (): void => {
        if (this.#attachments.get(channel.name) !== attachment) return;
        isInterrupted = false;
        const { info } = new Refusal(80020, 400, 'Continuity lost: messages were dropped');
        this.#send({
          action: actions.attached,
          channel: channel.name,
          flags: granted,
          channelSerial: channel.head,
          error: info,
        });
      };
      this.#timers.push(setTimeout(tell, 1000));
    };
    const attachment: Attachment = { flags: granted, params, leave: () => channel.listeners.delete(deliver) };
    this.#attachments.set(channel.name, attachment);
    for (const entry of missed ?? rewound) this.#deliver(channel.name, entry);
    channel.listeners.add(deliver);
  }

  #detach(channel: string): void {
    this.#attachments.get(channel)?.leave();
    this.#attachments.delete(channel);
    this.#send({ action: actions.detached, channel });
  }

  #deliver(channel: string, { id, connectionId, channelSerial, at, messages }: Entry): void {
    this.#service.counts.delivered += messages.length;
    const from = connectionId === undefined ? {} : { connectionId };
    this.#send({
      ...{ action: actions.message, channel, id, channelSerial, timestamp: at, ...from },
      messages: messages.map((message, index) => withoutInherited(message, `${id}:${index}`)),
    });
  }

  #publish({ channel: given, messages = [], msgSerial = 0 }: ProtocolMessage): void {
    const answer = { msgSerial, count: 1 };
    try {
      const channel = this.#service.channel(checkChannelName(given));
      const isNew = messages.every(({ action = messageActions.create }) => action === messageActions.create);
      demand(this.#access, channel.name, isNew ? 'publish' : 'message-update-own');
      const rate = this.#publishes.add(messages.length);
      const limit = this.#service.limits.connectionPublishesPerSecond;
      if (rate > 20 * limit)
        return this.fail(new Refusal(42921, 429, 'Connection closed: publish rate far above the limit'));
      if (rate > limit) throw new Refusal(42911, 429, 'Per-connection publish rate limit exceeded');
      const publisher = { connectionId: this.id, clientId: this.#access.clientId, id: `${this.id}:${msgSerial}` };
      const serials = this.#service.publish(channel, messages, publisher);
      this.#send({ action: actions.ack, ...answer, res: [{ serials }] });
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.#send({ action: actions.nack, ...answer, error: error.info });
    }
  }

  #send(message: ProtocolMessage): void {
    if (this.#socket?.readyState === 1) this.#socket.send(encodeBody(this.#format, message));
  }

  #leaveAll(): void {
    for (const { leave } of this.#attachments.values()) leave();
    this.#attachments.clear();
  }

  #forgetTimers(): void {
    for (const timer of this.#timers.splice(0)) clearTimeout(timer);
  }
}

/** Leaves out what a client takes from around the message. @source https://sdk.ably.com/builds/ably/specification/main/features/#TM2 */
function withoutInherited(message: WireMessage, inheritedId: string): WireMessage {
  const { id, connectionId: _connectionId, timestamp: _timestamp, version, ...rest } = message;
  return {
    ...rest,
    ...(id !== undefined && id !== inheritedId && { id }),
    ...(version && version.serial !== message.serial && { version }),
  };
}
