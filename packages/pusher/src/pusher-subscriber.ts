import {
  ChatTransportError,
  type Clock,
  channelLife,
  isRefusal,
  type RealtimeSubscriber,
  statusError,
} from '@chat-transport/core/provider';
import type Pusher from 'pusher-js';
import type { Channel } from 'pusher-js';
import { defaultChannelPrefix, frameEvent } from './channel-names.ts';

/** What is used of `pusher-js`. */
export type PusherClient = Pick<Pusher, 'connection' | 'connect' | 'subscribe' | 'unsubscribe'>;

/** Options of `pusherSubscriber`. */
export interface PusherSubscriberOptions {
  /**
   * The client of `pusher-js`, whose `channelAuthorization.endpoint` is `{api}/auth`. It is used with whatever else you
   * use it for, and stays open.
   */
  readonly client: PusherClient;
  /** In front of the chat's id; the server's `channelPrefix`. @default defaultChannelPrefix */
  readonly channelPrefix?: string | undefined;
  /**
   * After so long without a message core reads what may have been missed, in milliseconds. @default defaultCheckAfterMs
   */
  readonly checkAfterMs?: number | undefined;
  readonly clock: Clock;
}

/**
 * The default of `checkAfterMs`: Pusher does not guarantee delivery, and delivers nothing when the app is over its
 * quota.
 */
export const defaultCheckAfterMs = 30_000;

/** Subscriptions of one channel, which the client has once for all who ask for it. */
const users = new WeakMap<Channel, number>();

/** Follows chats on private channels of Pusher. */
export function pusherSubscriber({
  client,
  channelPrefix = defaultChannelPrefix,
  checkAfterMs = defaultCheckAfterMs,
  clock,
}: PusherSubscriberOptions): RealtimeSubscriber {
  return {
    name: 'pusher',
    subscribe(chatId, listener, signal) {
      if (signal.aborted) return;
      const { connection } = client;
      const { live, heard, down } = channelLife({ listener, clock, checkAfterMs, signal });
      const refused = (error: { readonly status?: number }): void => {
        // Pusher's own refusal of a signature for a connection that is gone: the next one has its own.
        if (channel.subscribed) return;
        const { status = 0 } = error;
        const refusal = statusError(status, `The chat server refused this chat's channel (status ${status}).`, error);
        // While a subscription is pending, the error belongs to a connection that is gone.
        if (!channel.subscriptionPending && status > 0 && isRefusal(refusal)) return listener.onFailed(refusal);
        // pusher-js tries again only with the next connection.
        down(error, () => client.subscribe(name));
      };
      const changed = (): void => {
        const { state } = connection;
        if (state === 'connected') return;
        down(state);
        if (state !== 'disconnected' && state !== 'failed') return;
        // Refused (no such app, too many connections), without any transport, or closed by the app.
        const message = `The connection to Pusher is ${state}.`;
        listener.onFailed(new ChatTransportError({ code: 'provider-failed', message }));
      };
      // The client has parsed it.
      const received = (data: unknown): void => heard(typeof data === 'string' ? data : JSON.stringify(data));

      client.connect();
      const name = channelPrefix + chatId;
      const channel = client.subscribe(name);
      users.set(channel, (users.get(channel) ?? 0) + 1);
      const bindings = [
        [channel, 'pusher:subscription_succeeded', live],
        [channel, 'pusher:subscription_error', refused],
        [channel, frameEvent, received],
        [connection, 'state_change', changed],
        // A connection that closed is tried again after a second; only then its state changes.
        [connection, 'connecting_in', (reason: unknown) => down(reason)],
      ] as const;
      for (const [target, event, callback] of bindings) target.bind(event, callback);
      signal.addEventListener('abort', () => {
        for (const [target, event, callback] of bindings) target.unbind(event, callback);
        const left = (users.get(channel) ?? 1) - 1;
        users.set(channel, left);
        if (left === 0) client.unsubscribe(name);
      });
      queueMicrotask(() => {
        if (signal.aborted) return;
        if (channel.subscribed) live();
        else if (connection.state === 'failed') changed();
      });
    },
  };
}
