import type { RawData, WebSocket } from 'ws';
import { type Claims, claimsOf, expiredMessage, mayRead, mayWrite } from './authorization.ts';
import type { RealtimeDatabase } from './realtime-database.ts';
import {
  broadcastFrame,
  type ClientMessage,
  decodeClientFrame,
  textFrame,
  type UserBroadcast,
} from './realtime-frames.ts';

/** What all sockets of one emulated Realtime share. */
export interface RealtimeTenant {
  readonly database: RealtimeDatabase;
  readonly jwtSecret: string;
  readonly deniedAfterMs: number;
  readonly maxPayloadBytes: number;
  readonly isOverRate: () => boolean;
  readonly count: () => void;
  /** Hands a broadcast to every channel of the topic. */
  broadcast(topic: string, isPrivate: boolean, message: UserBroadcast, from: Channel | undefined): void;
}

/** One topic that a socket has joined. */
export interface Channel {
  readonly joinRef: string | null;
  readonly topic: string;
  readonly isPrivate: boolean;
  readonly acknowledges: boolean;
  readonly hearsItself: boolean;
  claims: Claims;
  expiry: ReturnType<typeof setTimeout> | undefined;
}

interface JoinPayload {
  readonly config?: {
    readonly private?: boolean;
    readonly broadcast?: { readonly ack?: boolean; readonly self?: boolean };
  };
  readonly access_token?: string;
}

const prefix = 'realtime:';
/** Realtime looks at a token again at the latest after so long, in milliseconds. */
const longestConfirmMs = 5 * 60_000;

/**
 * One client of emulated Realtime. Phoenix has one process per socket: what a join waits for, everything else on that socket waits for, heartbeats
 * and broadcasts to its other channels included.
 */
export class RealtimeSocket {
  readonly channels: Map<string, Channel> = new Map();
  readonly #socket: WebSocket;
  readonly #tenant: RealtimeTenant;
  readonly #apiKey: string;
  #work: Promise<void> = Promise.resolve();

  constructor(socket: WebSocket, tenant: RealtimeTenant, apiKey: string) {
    this.#socket = socket;
    this.#tenant = tenant;
    this.#apiKey = apiKey;
    socket.on('message', (data: RawData, isBinary) => {
      this.#next(async () => {
        try {
          await this.#receive(decodeClientFrame(data as Buffer, isBinary));
        } catch {
          socket.terminate();
        }
      });
    });
    socket.on('close', () => {
      for (const channel of this.channels.values()) clearTimeout(channel.expiry);
      this.channels.clear();
    });
  }

  /** Sends a broadcast to a channel, which counts it, and closes the channel where the tenant is over its rate. */
  deliver(channel: Channel, message: UserBroadcast): void {
    this.#send(broadcastFrame(channel.topic, message));
    this.#counted(channel);
  }

  /** Like `deliver`, for a message that came by the batch API, which Realtime sends as text. */
  deliverText(channel: Channel, event: string, payload: unknown): void {
    this.#send(textFrame(null, null, channel.topic, 'broadcast', { event, payload, type: 'broadcast' }));
    this.#counted(channel);
  }

  /** Ends the socket without a word. */
  drop(): void {
    this.#socket.terminate();
  }

  #counted(channel: Channel): void {
    this.#tenant.count();
    if (this.#tenant.isOverRate()) this.#next(async () => this.#shutDown(channel, 'Too many messages per second'));
  }

  #next(work: () => Promise<void>): void {
    this.#work = this.#work.then(work);
  }

  #send(frame: string | Buffer): void {
    this.#next(async () => this.#socket.send(frame));
  }

  /** Sends at once: only for what the socket is working on now. */
  #reply({ joinRef, ref, topic }: ClientMessage, status: 'ok' | 'error', response: unknown): void {
    this.#socket.send(textFrame(joinRef, ref, topic, 'phx_reply', { status, response }));
  }

  async #receive(message: ClientMessage): Promise<void> {
    const { topic, event, payload } = message;
    if (topic === 'phoenix') return this.#reply(message, 'ok', {});
    if (event === 'phx_join') return this.#join(message, payload as JoinPayload);
    const channel = this.channels.get(topic);
    if (!channel || channel.joinRef !== message.joinRef) return;
    if (event === 'phx_leave') {
      this.#reply(message, 'ok', {});
      return this.#close(channel);
    }
    if (event === 'access_token')
      return this.#refresh(channel, (payload as { readonly access_token?: string }).access_token);
    if (event === 'broadcast') return this.#publish(channel, message);
  }

  async #join(message: ClientMessage, { config = {}, access_token: token = this.#apiKey }: JoinPayload): Promise<void> {
    const { topic, joinRef } = message;
    const subTopic = topic.slice(prefix.length);
    if (!topic.startsWith(prefix) || subTopic === '')
      return this.#reply(message, 'error', { reason: 'unmatched topic' });
    const old = this.channels.get(topic);
    if (old) this.#close(old);
    const isPrivate = config.private ?? false;
    let claims: Claims;
    try {
      claims = await claimsOf(token, this.#tenant.jwtSecret);
      if (isPrivate && !(await mayRead(this.#tenant.database, subTopic, claims)))
        throw new Error(`Unauthorized: ${denial(subTopic)}`);
    } catch (error) {
      await new Promise((resolve) => setTimeout(resolve, this.#tenant.deniedAfterMs));
      return this.#reply(message, 'error', { reason: (error as Error).message });
    }
    const { ack = false, self = false } = config.broadcast ?? {};
    const channel: Channel = {
      ...{ joinRef, topic, isPrivate, claims, expiry: undefined },
      ...{ acknowledges: ack, hearsItself: self },
    };
    this.channels.set(topic, channel);
    this.#expire(channel);
    this.#reply(message, 'ok', { postgres_changes: [] });
  }

  #expire(channel: Channel): void {
    clearTimeout(channel.expiry);
    const restMs = channel.claims.exp * 1000 - Date.now();
    const check = (): void => {
      if (restMs > longestConfirmMs) return this.#expire(channel);
      this.#next(async () => this.#shutDown(channel, expiredMessage(channel.claims.exp)));
    };
    channel.expiry = setTimeout(check, Math.max(0, Math.min(restMs, longestConfirmMs)));
  }

  async #refresh(channel: Channel, token: string | undefined): Promise<void> {
    if (!token) return;
    const subTopic = channel.topic.slice(prefix.length);
    try {
      const claims = await claimsOf(token, this.#tenant.jwtSecret);
      if (channel.isPrivate && !(await mayRead(this.#tenant.database, subTopic, claims))) {
        return this.#shutDown(channel, `You no longer have permission to read from this Channel topic: ${subTopic}`);
      }
      channel.claims = claims;
      this.#expire(channel);
    } catch (error) {
      this.#shutDown(channel, (error as Error).message.replace(/^InvalidJWTToken: /, ''));
    }
  }

  async #publish(channel: Channel, message: ClientMessage): Promise<void> {
    const { broadcast = textBroadcast(message.payload) } = message;
    const subTopic = channel.topic.slice(prefix.length);
    // Who may not write is not answered at all.
    if (channel.isPrivate && !(await mayWrite(this.#tenant.database, subTopic, channel.claims))) return;
    this.#tenant.count();
    if (broadcast.data.length > this.#tenant.maxPayloadBytes) {
      if (channel.acknowledges) this.#reply(message, 'error', 'payload_size_exceeded');
      return;
    }
    if (channel.hearsItself) this.#socket.send(broadcastFrame(channel.topic, broadcast));
    this.#tenant.broadcast(channel.topic, channel.isPrivate, broadcast, channel);
    if (channel.acknowledges) this.#reply(message, 'ok', {});
  }

  #shutDown(channel: Channel, message: string): void {
    if (this.channels.get(channel.topic) !== channel) return;
    const payload = { message, status: 'error', extension: 'system', channel: channel.topic.slice(prefix.length) };
    this.#socket.send(textFrame(channel.joinRef, null, channel.topic, 'system', payload));
    this.#close(channel);
  }

  #close(channel: Channel): void {
    clearTimeout(channel.expiry);
    this.channels.delete(channel.topic);
    this.#socket.send(textFrame(channel.joinRef, channel.joinRef, channel.topic, 'phx_close', {}));
  }
}

/** Why a topic may not be joined. */
function denial(topic: string): string {
  return `You do not have permissions to read from this Channel topic: ${topic}`;
}

/** A broadcast that came as text. */
function textBroadcast(payload: unknown): UserBroadcast {
  const { event = '', payload: body = {} } = payload as { event?: string; payload?: unknown };
  return { event, isJson: true, data: Buffer.from(JSON.stringify(body)) };
}
