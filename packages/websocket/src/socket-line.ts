import {
  backoffMs,
  type ChannelListener,
  ChatTransportError,
  type Clock,
  type CommandDesk,
  isRefusal,
  onWakeUp,
} from '@chat-transport/core/provider';
import { expandMessage, shortMark } from './short-message.ts';
import { type ClientFrame, type ServerFrame, wireVersionQuery } from './socket-wire.ts';
import type { WebSocketSubscriberOptions } from './subscriber-options.ts';

/** One chat that is followed. */
export interface Channel {
  readonly chat: string;
  readonly listeners: Set<ChannelListener>;
  /** The socket that carries the chat. */
  line: SocketLine | undefined;
  /** The newest published message, which a short one refers to. */
  newest: string | undefined;
  /** Whether everything published arrives; `undefined` until it did or failed once. */
  isLive: boolean | undefined;
  /** The newest subscribe: answers to older ones do not count. */
  ref: number;
  token: Promise<string> | undefined;
  failures: number;
  /** The timer of the next attempt. */
  retry: unknown;
}

/** What a line needs. */
export interface SocketLineOptions {
  readonly url: string;
  readonly webSocket?: (new (url: string) => WebSocket) | undefined;
  readonly heartbeatMs: number;
  readonly deadAfterMs: number;
  readonly lingerMs: number;
  readonly clock: Clock;
  readonly authorize: WebSocketSubscriberOptions['authorize'];
  /**
   * This socket does not carry the channel any more, because it carries as many as the server allows. Nothing was
   * reported to its listeners.
   */
  onSurplus(channel: Channel): void;
}

/** How long a socket may take to show that it lived through a sleep, in milliseconds. */
const wakeUpMs = 3_000;
/** So many handshakes fail in a row before it is reported: until then it may be a network that is away. */
const handshakesBeforeReport = 4;

/**
 * One socket and the chats on it: opened for the first chat, closed after the last one, and opened again whenever it is
 * lost.
 */
export class SocketLine {
  readonly channels: Map<string, Channel> = new Map();
  /** The commands that wait for their receipts. */
  readonly commands: CommandDesk;
  /** How many chats the server allows on one socket; known once it has welcomed this one. */
  limit: number = Number.POSITIVE_INFINITY;
  readonly #options: SocketLineOptions;
  #socket: WebSocket | undefined;
  /** Whether the server has welcomed the socket: from then on frames may be sent. */
  #isReady = false;
  #failures = 0;
  /** Handshakes that failed since the last welcome. */
  #refusals = 0;
  #refs = 0;
  #timer: unknown;
  #stopListening: (() => void) | undefined;

  constructor(options: SocketLineOptions, commands: CommandDesk) {
    this.#options = options;
    this.commands = commands;
  }

  add(channel: Channel): void {
    channel.line = this;
    this.channels.set(channel.chat, channel);
    const { heartbeatMs, deadAfterMs } = this.#options;
    // Instead of the end that the last chat has left to this socket.
    if (this.#isReady) this.#after(heartbeatMs, this.#beat);
    else if (this.#socket) this.#after(deadAfterMs, this.#drop);
    if (this.#socket) void this.#join(channel);
    else this.wake();
  }

  remove(channel: Channel): void {
    this.#options.clock.clearTimeout(channel.retry);
    this.channels.delete(channel.chat);
    channel.line = undefined;
    this.tell({ type: 'unsubscribe', chat: channel.chat });
    if (this.channels.size === 0) this.#after(this.#options.lingerMs, this.close);
  }

  /** Sends a frame; false where the socket cannot take one now. */
  tell(frame: ClientFrame): boolean {
    const canSend = this.#isReady && this.#socket?.readyState === 1;
    if (canSend) this.#socket?.send(JSON.stringify(frame));
    return canSend;
  }

  readonly wake = (): void => {
    if (this.#isReady) this.#beat(wakeUpMs);
    for (const channel of this.channels.values()) if (channel.retry) void this.#join(channel);
    this.#connect();
  };

  readonly close = (): void => {
    this.#hangUp();
    this.#stopListening?.();
    this.#stopListening = undefined;
  };

  /** What the socket waits for: to open, to be quiet for a while, its pong, or the next attempt. */
  #after(delayMs: number, act: () => void): void {
    const { clock } = this.#options;
    clock.clearTimeout(this.#timer);
    this.#timer = clock.setTimeout(act, delayMs);
  }

  readonly #connect = (): void => {
    if (this.#socket || this.channels.size === 0) return;
    this.#stopListening ??= onWakeUp(this.wake);
    let current: WebSocket;
    try {
      const url = new URL(this.#options.url, globalThis.location?.href);
      url.searchParams.set(...wireVersionQuery);
      current = this.#socket = new (this.#options.webSocket ?? WebSocket)(url.href.replace(/^http/, 'ws'));
    } catch (error) {
      this.#drop(error);
      return;
    }
    this.#after(this.#options.deadAfterMs, this.#drop);
    current.onmessage = ({ data }) => {
      if (current !== this.#socket) return;
      this.#after(this.#options.heartbeatMs, this.#beat);
      try {
        this.#receive(String(data));
      } catch (error) {
        this.#drop(error);
      }
    };
    current.onerror = current.onclose = (reason: unknown) => {
      if (current === this.#socket) this.#drop(reason);
    };
    // The tokens come while the socket opens.
    for (const channel of this.channels.values()) void this.#join(channel);
  };

  #hangUp(): void {
    this.#options.clock.clearTimeout(this.#timer);
    const old = this.#socket;
    this.#socket = undefined;
    this.#isReady = false;
    old?.close();
    this.commands.fail();
  }

  readonly #drop = (reason?: unknown): void => {
    if (!this.#isReady && ++this.#refusals === handshakesBeforeReport) this.#report(unreadableRefusal(reason));
    this.#hangUp();
    for (const channel of this.channels.values()) interrupt(channel, reason);
    if (this.channels.size > 0) this.#after(backoffMs(this.#failures++), this.#connect);
    else this.close();
  };

  /**
   * Reports to one listener that the server refuses this page's sockets: it is one fault, however many chats wait for
   * it.
   */
  #report(error: ChatTransportError): void {
    const [first] = this.channels.values();
    const [listener] = first?.listeners ?? [];
    listener?.onRefused?.(error);
  }

  readonly #beat = (patienceMs?: number): void => {
    const { deadAfterMs, heartbeatMs } = this.#options;
    this.#after(patienceMs ?? deadAfterMs - heartbeatMs, this.#drop);
    if (this.channels.size > 0) this.tell({ type: 'ping' });
    else this.close();
  };

  async #join(channel: Channel): Promise<void> {
    const { chat } = channel;
    this.#options.clock.clearTimeout(channel.retry);
    channel.retry = undefined;
    channel.token ??= this.#options.authorize(chat, undefined, () => {
      for (const listener of channel.listeners) listener.onQueued?.();
    });
    const asked = channel.token;
    try {
      const token = await asked;
      // Two joins may wait for one token; and a token that comes before the socket is ready waits for it.
      if (channel.token !== asked || channel.line !== this || !this.#isReady) return;
      channel.token = undefined;
      channel.ref = ++this.#refs;
      this.tell({ type: 'subscribe', ref: channel.ref, chat, token });
    } catch (error) {
      if (channel.token !== asked || channel.line !== this) return;
      channel.token = undefined;
      this.#refused(channel, error);
    }
  }

  #refused(channel: Channel, error: unknown, isFinal = isRefusal(error)): void {
    if (isFinal) {
      this.remove(channel);
      for (const listener of channel.listeners) listener.onFailed(error as ChatTransportError);
      return;
    }
    interrupt(channel, error);
    channel.retry = this.#options.clock.setTimeout(() => void this.#join(channel), backoffMs(channel.failures++));
  }

  #receive(text: string): void {
    if (text[0] === '{') {
      this.#obey(JSON.parse(text));
      return;
    }
    const space = text.indexOf(' ');
    const channel = this.channels.get(text.slice(0, space));
    const message = text.slice(space + 1);
    const isShort = message[0] === shortMark;
    // A short message without a predecessor belongs to an earlier subscription of this chat.
    if (!channel || (isShort && channel.newest === undefined)) return;
    channel.newest = isShort ? expandMessage(channel.newest as string, message) : message;
    for (const listener of channel.listeners) listener.onMessage(channel.newest);
  }

  #obey(frame: ServerFrame): void {
    if (frame.type === 'welcome') this.#welcomed(frame.maxSubscriptions);
    if (frame.type === 'denied' && this.#refusals < handshakesBeforeReport) {
      // The reason is known: no further handshake is needed to report it.
      this.#refusals = handshakesBeforeReport;
      this.#report(new ChatTransportError({ ...frame, retryable: true }));
    }
    if (frame.type === 'receipt') this.commands.answer(frame.ref, frame);
    if (!('chat' in frame)) return;
    const { chat, type } = frame;
    const channel = this.channels.get(chat);
    if (!channel) return;
    const isCurrent = frame.ref === channel.ref;
    if (type === 'live' && isCurrent) this.#live(channel);
    if (type === 'reauthorize' && isCurrent) void this.#join(channel);
    // These two may name the subscription before a renewal that is under way: what was lost is lost all the same.
    if (type === 'missed' && channel.isLive) {
      interrupt(channel, type);
      this.#live(channel);
    }
    if (type === 'refused') {
      const error = new ChatTransportError(frame);
      if (channel.isLive) interrupt(channel, error);
      // An invalid token may have expired, or another process with another secret may have issued it: the next token
      // decides.
      if (isCurrent) this.#refused(channel, error, frame.code === 'forbidden');
    }
  }

  /** The server says how many chats this socket may carry. The newest ones above that go to another one. */
  #welcomed(limit: number): void {
    this.#isReady = true;
    this.#refusals = 0;
    this.limit = limit;
    for (const channel of [...this.channels.values()].slice(limit)) {
      this.channels.delete(channel.chat);
      channel.line = undefined;
      this.#options.onSurplus(channel);
    }
    for (const channel of this.channels.values()) void this.#join(channel);
  }

  #live(channel: Channel): void {
    this.#failures = channel.failures = 0;
    if (channel.isLive) return;
    channel.isLive = true;
    for (const listener of channel.listeners) listener.onLive();
  }
}

function interrupt(channel: Channel, reason: unknown): void {
  if (channel.isLive === false) return;
  channel.isLive = false;
  for (const listener of channel.listeners) listener.onInterrupted(reason);
}

/** Browsers do not say why a handshake failed. */
function unreadableRefusal(cause: unknown): ChatTransportError {
  return new ChatTransportError({
    code: 'provider-failed',
    message: `The WebSocket handshake failed ${handshakesBeforeReport} times in a row. Check the address, and that proxies pass WebSocket upgrades.`,
    cause,
  });
}
