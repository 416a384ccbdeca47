import type { ChatGrant } from './chat-token.ts';
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
}

/** Who listens to which chat in this process. */
export class ChannelHub {
  readonly #channels = new Map<string, Map<SocketConnection, Subscription>>();

  add(subscription: Subscription): void {
    const { chatId } = subscription.grant;
    const channel = this.#channels.get(chatId) ?? new Map<SocketConnection, Subscription>();
    channel.set(subscription.connection, subscription);
    this.#channels.set(chatId, channel);
  }

  remove({ connection, grant }: Subscription): void {
    const channel = this.#channels.get(grant.chatId);
    channel?.delete(connection);
    if (channel?.size === 0) this.#channels.delete(grant.chatId);
  }

  /** Hands `data` to every socket that follows the chat. A reader that is too slow misses it, and nobody waits for that reader. */
  deliver(chatId: string, data: string): void {
    const channel = this.#channels.get(chatId);
    if (!channel) return;
    const payload = Buffer.from(`${chatId} ${data}`);
    for (const subscription of channel.values()) {
      if (!subscription.hasMissed) subscription.hasMissed = !subscription.connection.offer(payload);
    }
  }
}
