import type { ChatGrant } from '@chat-transport/core/provider';
import { shortenMessage } from '../short-message.ts';
import type { SocketConnection } from './socket-connection.ts';

/** One chat on one socket. */
export interface Subscription {
  readonly connection: SocketConnection;
  /** What the app has granted last. */
  grant: ChatGrant;
  /** The client's number for it. */
  readonly ref: number;
  /** When it ends, by the server's clock. */
  endsAt: number;
  /** Whether its renewal is under way. */
  isAsked: boolean;
  /** Whether messages were dropped since the reader fell behind. */
  hasMissed: boolean;
  /** Whether it was sent the channel's newest message: then the next one may be a short one. */
  hasNewest: boolean;
}

/** Follows a chat through the log, for what other processes write. Resolves when nothing is left out from then on. */
export type Follow = (chatId: string, deliver: (data: string) => void, signal: AbortSignal) => Promise<void>;

interface Channel {
  readonly subscriptions: Map<SocketConnection, Subscription>;
  /** Ends the following of the chat. */
  readonly feed: AbortController;
  /** Resolves when the chat is followed. */
  readonly followed: Promise<void>;
  /** Subscriptions that wait for `followed`. */
  waiting: number;
  newest: string | undefined;
}

/** The sockets of this process that follow each chat. A chat is followed once, however many sockets subscribe to it. */
export class ChannelHub {
  readonly #channels = new Map<string, Channel>();
  readonly #follow: Follow;

  constructor(follow: Follow) {
    this.#follow = follow;
  }

  /**
   * Adds a subscription once its chat is followed, if it `isWanted` then; answers whether it was added.
   * @throws ChatTransportError when the log does not answer.
   */
  async add(subscription: Subscription, isWanted: () => boolean): Promise<boolean> {
    const { chatId } = subscription.grant;
    const channel = this.#channelOf(chatId);
    channel.waiting += 1;
    try {
      await channel.followed;
      if (!isWanted()) return false;
      channel.subscriptions.set(subscription.connection, subscription);
      return true;
    } finally {
      channel.waiting -= 1;
      this.#leaveIfUnused(chatId, channel);
    }
  }

  /** How many sockets follow a chat. */
  count(chatId: string): number {
    return this.#channels.get(chatId)?.subscriptions.size ?? 0;
  }

  remove({ connection, grant }: Subscription): void {
    const channel = this.#channels.get(grant.chatId);
    if (!channel) return;
    channel.subscriptions.delete(connection);
    this.#leaveIfUnused(grant.chatId, channel);
  }

  /**
   * Hands `data` to every socket that follows the chat. A reader that is too slow misses it, and nobody waits for that
   * reader.
   */
  deliver(chatId: string, data: string): void {
    const channel = this.#channels.get(chatId);
    if (!channel || channel.subscriptions.size === 0) return;
    const whole = Buffer.from(`${chatId} ${data}`);
    const short = shortenMessage(channel.newest, data);
    const shortened = short === undefined ? whole : Buffer.from(`${chatId} ${short}`);
    channel.newest = data;
    for (const subscription of channel.subscriptions.values()) {
      if (subscription.hasMissed) continue;
      subscription.hasNewest = subscription.connection.offer(subscription.hasNewest ? shortened : whole);
      subscription.hasMissed = !subscription.hasNewest;
    }
  }

  #channelOf(chatId: string): Channel {
    const known = this.#channels.get(chatId);
    if (known) return known;
    const feed = new AbortController();
    const followed = this.#follow(chatId, (data) => this.deliver(chatId, data), feed.signal);
    const channel: Channel = { subscriptions: new Map(), feed, followed, waiting: 0, newest: undefined };
    this.#channels.set(chatId, channel);
    return channel;
  }

  #leaveIfUnused(chatId: string, channel: Channel): void {
    if (channel.subscriptions.size > 0 || channel.waiting > 0) return;
    channel.feed.abort();
    if (this.#channels.get(chatId) === channel) this.#channels.delete(chatId);
  }
}
