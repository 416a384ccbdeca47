import type { ChatGrant } from '@chat-transport/core/provider';
import { shortenMessage } from '../short-message.ts';
import type { SocketConnection } from './socket-connection.ts';

/** One chat on one socket. */
export interface Subscription {
  readonly connection: SocketConnection;
  readonly grant: ChatGrant;
  /** The client's number for it. */
  readonly ref: number;
  /** When it ends, by the server's clock. */
  readonly endsAt: number;
  /** Whether the client was asked to authorize again. */
  isAsked: boolean;
  /** Whether messages were dropped since the reader fell behind. */
  hasMissed: boolean;
  /** Whether it was sent the channel's newest message: then the next one may be a short one. */
  hasNewest: boolean;
}

interface Channel {
  readonly subscriptions: Map<SocketConnection, Subscription>;
  newest: string | undefined;
}

/** Who listens to which chat in this process. */
export class ChannelHub {
  readonly #channels = new Map<string, Channel>();

  add(subscription: Subscription): void {
    const { chatId } = subscription.grant;
    const channel = this.#channels.get(chatId) ?? { subscriptions: new Map(), newest: undefined };
    channel.subscriptions.set(subscription.connection, subscription);
    this.#channels.set(chatId, channel);
  }

  remove({ connection, grant }: Subscription): void {
    const subscriptions = this.#channels.get(grant.chatId)?.subscriptions;
    subscriptions?.delete(connection);
    if (subscriptions?.size === 0) this.#channels.delete(grant.chatId);
  }

  /** Hands `data` to every socket that follows the chat. A reader that is too slow misses it, and nobody waits for that reader. */
  deliver(chatId: string, data: string): void {
    const channel = this.#channels.get(chatId);
    if (!channel) return;
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
}
