import {
  type ChannelListener,
  ChatTransportError,
  createCommandDesk,
  type RealtimeSubscriber,
  systemClock,
} from '@chat-transport/core/provider';
import { type Channel, SocketLine } from './socket-line.ts';
import {
  defaultDeadAfterMs,
  defaultHeartbeatMs,
  defaultLingerMs,
  defaultMaxSockets,
  type WebSocketSubscriberOptions,
} from './subscriber-options.ts';

/**
 * Follows chats over as few sockets as the server allows: it says at each handshake how many chats one socket may
 * carry, and the chats above that share the next socket.
 */
export function websocketSubscriber(options: WebSocketSubscriberOptions): RealtimeSubscriber {
  const { clock = systemClock, maxSockets = defaultMaxSockets } = options;
  const channels = new Map<string, Channel>();
  const lines: SocketLine[] = [];

  const openLine = (): SocketLine => {
    const line = new SocketLine(
      {
        ...options,
        clock,
        heartbeatMs: options.heartbeatMs ?? defaultHeartbeatMs,
        deadAfterMs: options.deadAfterMs ?? defaultDeadAfterMs,
        lingerMs: options.lingerMs ?? defaultLingerMs,
        onSurplus: place,
      },
      createCommandDesk({ clock, timeoutMs: options.commandTimeoutMs }),
    );
    // Before the first welcome, what is known of the other sockets counts.
    line.limit = lines[0]?.limit ?? line.limit;
    lines.push(line);
    return line;
  };
  const place = (channel: Channel): void => {
    const line =
      lines.find((each) => each.channels.size < each.limit) ?? (lines.length < maxSockets ? openLine() : undefined);
    if (line) return line.add(channel);
    channels.delete(channel.chat);
    const message = `This page follows as many chats as its ${maxSockets} sockets may carry.`;
    for (const listener of channel.listeners)
      listener.onFailed(new ChatTransportError({ code: 'rate-limited', message }));
  };
  const leave = (channel: Channel, listener: ChannelListener): void => {
    channel.listeners.delete(listener);
    if (channel.listeners.size > 0 || channels.get(channel.chat) !== channel) return;
    channels.delete(channel.chat);
    channel.line?.remove(channel);
  };

  return {
    name: 'websocket',
    subscribe(chat, listener, signal) {
      if (signal.aborted) return;
      const known = channels.get(chat);
      // A channel without a socket was refused for good: this is a new try.
      if (known?.line) {
        known.listeners.add(listener);
        if (known.isLive) queueMicrotask(() => known.isLive && listener.onLive());
        signal.addEventListener('abort', () => leave(known, listener));
        return;
      }
      const channel: Channel = {
        chat,
        listeners: new Set([listener]),
        line: undefined,
        newest: undefined,
        isLive: undefined,
        ref: 0,
        token: undefined,
        failures: 0,
        retry: undefined,
      };
      channels.set(chat, channel);
      signal.addEventListener('abort', () => leave(channel, listener));
      place(channel);
    },
    send(chat, run, message, signal) {
      const channel = channels.get(chat);
      const desk = channel?.line?.commands ?? createCommandDesk({ clock });
      return desk.send(
        (ref) => !!channel?.isLive && !!channel.line?.tell({ type: 'command', ref, chat, run, message }),
        signal,
      );
    },
    close() {
      for (const { retry } of channels.values()) clock.clearTimeout(retry);
      channels.clear();
      for (const line of lines) {
        line.channels.clear();
        line.close();
      }
    },
  };
}
