import { type ChannelListener, ChatTransportError, type RealtimeSubscriber } from '@chat-transport/core/provider';
import type { RealtimeLink } from './provider-case.ts';

/**
 * Lets the suite take the way to a service that has no connection which could break (a BroadcastChannel, a callback in
 * memory): messages of a lost connection are dropped, and the subscription reports the loss; and to swap messages.
 * Services with connections need none of this: their clients must notice by themselves.
 */
export function interruptible(subscriber: RealtimeSubscriber, link: RealtimeLink): RealtimeSubscriber {
  let isUp = true;
  const channels = new Set<{ readonly listener: ChannelListener; isLive: boolean }>();
  link.onChange((up) => {
    if (up === isUp) return;
    isUp = up;
    for (const { listener, isLive } of channels) {
      if (up && isLive) listener.onLive();
      if (!up) listener.onInterrupted();
    }
  });
  const send = subscriber.send?.bind(subscriber);
  return {
    name: subscriber.name,
    subscribe(chatId, listener, signal) {
      const channel = { listener, isLive: false };
      channels.add(channel);
      signal.addEventListener('abort', () => channels.delete(channel));
      const relay: ChannelListener = {
        onMessage: (data) => isUp && link.deliver(data, (message) => listener.onMessage(message)),
        onLive: () => {
          channel.isLive = true;
          if (isUp) listener.onLive();
        },
        onInterrupted: (reason) => {
          channel.isLive = false;
          if (isUp) listener.onInterrupted(reason);
        },
        onFailed: (error) => listener.onFailed(error),
      };
      subscriber.subscribe(chatId, relay, signal);
    },
    ...(send && {
      send: (...call: Parameters<typeof send>) =>
        isUp
          ? send(...call)
          : Promise.reject(new ChatTransportError({ code: 'network', message: 'The connection is cut.' })),
    }),
    ...(subscriber.close && { close: () => subscriber.close?.() }),
  };
}
