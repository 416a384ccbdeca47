import {
  backoffMs,
  type ChannelListener,
  ChatTransportError,
  createCommandDesk,
  isRefusal,
  onWakeUp,
  type RealtimeSubscriber,
  systemClock,
} from '@chat-transport/core/provider';
import { expandMessage, shortMark } from './short-message.ts';
import type { ClientFrame, ServerFrame } from './socket-wire.ts';
import {
  defaultDeadAfterMs,
  defaultHeartbeatMs,
  defaultLingerMs,
  type WebSocketSubscriberOptions,
} from './subscriber-options.ts';

/** How long a socket may take to show that it lived through a sleep, in milliseconds. */
const wakeUpMs = 3_000;

interface Channel {
  readonly listeners: Set<ChannelListener>;
  /** The newest published message, which a short one refers to. */
  newest?: string;
  /** Whether everything published arrives; `undefined` until it did or failed once. */
  isLive: boolean | undefined;
  /** The newest subscribe: answers to older ones do not count. */
  ref: number;
  token: Promise<string> | undefined;
  failures: number;
  /** The timer of the next attempt. */
  retry: unknown;
}

/** Follows chats over one socket: opened for the first subscription, closed after the last one, and opened again whenever it is lost. */
export function websocketSubscriber(options: WebSocketSubscriberOptions): RealtimeSubscriber {
  const clock = options.clock ?? systemClock;
  const heartbeatMs = options.heartbeatMs ?? defaultHeartbeatMs;
  const deadAfterMs = options.deadAfterMs ?? defaultDeadAfterMs;
  const channels = new Map<string, Channel>();
  const commands = createCommandDesk({ clock, timeoutMs: options.commandTimeoutMs });
  let socket: WebSocket | undefined;
  let failures = 0;
  let refs = 0;
  let timer: unknown;
  let stopListening: (() => void) | undefined;

  /** What the socket waits for: to open, to be quiet for a while, its pong, or the next attempt. */
  const after = (delayMs: number, act: () => void): void => {
    clock.clearTimeout(timer);
    timer = clock.setTimeout(act, delayMs);
  };
  const isOpen = (): boolean => socket?.readyState === 1;
  /** Sends a frame; false where no socket is open. */
  const tell = (frame: ClientFrame): boolean => {
    if (isOpen()) socket?.send(JSON.stringify(frame));
    return isOpen();
  };

  const connect = (): void => {
    if (socket || channels.size === 0) return;
    stopListening ??= onWakeUp(wake);
    let current: WebSocket;
    try {
      const url = new URL(options.url, globalThis.location?.href).href.replace(/^http/, 'ws');
      current = socket = new (options.webSocket ?? WebSocket)(url);
    } catch (error) {
      drop(error);
      return;
    }
    after(deadAfterMs, drop);
    current.onopen = () => {
      after(heartbeatMs, beat);
      for (const [chat, channel] of channels) void join(chat, channel);
    };
    current.onmessage = ({ data }) => {
      if (current !== socket) return;
      after(heartbeatMs, beat);
      try {
        receive(String(data));
      } catch (error) {
        drop(error);
      }
    };
    current.onerror = current.onclose = (reason: unknown) => {
      if (current === socket) drop(reason);
    };
    // The tokens come while the socket opens.
    for (const [chat, channel] of channels) void join(chat, channel);
  };

  const hangUp = (): void => {
    clock.clearTimeout(timer);
    const old = socket;
    socket = undefined;
    old?.close();
    commands.fail();
  };
  const shut = (): void => {
    hangUp();
    stopListening?.();
    stopListening = undefined;
  };
  const drop = (reason?: unknown): void => {
    hangUp();
    for (const channel of channels.values()) interrupt(channel, reason);
    if (channels.size > 0) after(backoffMs(failures++), connect);
    else shut();
  };

  const beat = (patienceMs = deadAfterMs - heartbeatMs): void => {
    after(patienceMs, drop);
    if (channels.size > 0) tell({ type: 'ping' });
    else shut();
  };
  const wake = (): void => {
    if (isOpen()) beat(wakeUpMs);
    for (const [chat, channel] of channels) if (channel.retry) void join(chat, channel);
    connect();
  };

  const join = async (chat: string, channel: Channel): Promise<void> => {
    clock.clearTimeout(channel.retry);
    channel.retry = undefined;
    channel.token ??= options.authorize(chat);
    const asked = channel.token;
    try {
      const token = await asked;
      // Two joins may wait for one token; and a token that comes before the socket is open waits for it.
      if (channel.token !== asked || channels.get(chat) !== channel || !isOpen()) return;
      channel.token = undefined;
      channel.ref = ++refs;
      tell({ type: 'subscribe', ref: channel.ref, chat, token });
    } catch (error) {
      if (channel.token !== asked || channels.get(chat) !== channel) return;
      channel.token = undefined;
      refused(chat, channel, error);
    }
  };
  const refused = (chat: string, channel: Channel, error: unknown, isFinal = isRefusal(error)): void => {
    if (isFinal) {
      leave(chat, channel);
      for (const listener of channel.listeners) listener.onFailed(error as ChatTransportError);
      return;
    }
    interrupt(channel, error);
    channel.retry = clock.setTimeout(() => void join(chat, channel), backoffMs(channel.failures++));
  };
  const leave = (chat: string, channel: Channel): void => {
    clock.clearTimeout(channel.retry);
    channels.delete(chat);
    tell({ type: 'unsubscribe', chat });
    if (channels.size === 0) after(options.lingerMs ?? defaultLingerMs, shut);
  };
  const interrupt = (channel: Channel, reason: unknown): void => {
    if (channel.isLive === false) return;
    channel.isLive = false;
    for (const listener of channel.listeners) listener.onInterrupted(reason);
  };
  const live = (channel: Channel): void => {
    failures = channel.failures = 0;
    if (channel.isLive) return;
    channel.isLive = true;
    for (const listener of channel.listeners) listener.onLive();
  };

  const receive = (text: string): void => {
    const space = text.indexOf(' ');
    if (text[0] === '{') {
      obey(JSON.parse(text));
      return;
    }
    const channel = channels.get(text.slice(0, space));
    const message = text.slice(space + 1);
    const isShort = message[0] === shortMark;
    // Nothing to refer to: it was under way for a subscription of this chat that is over.
    if (!channel || (isShort && channel.newest === undefined)) return;
    channel.newest = isShort ? expandMessage(channel.newest as string, message) : message;
    for (const listener of channel.listeners) listener.onMessage(channel.newest);
  };
  const obey = (frame: ServerFrame): void => {
    if (frame.type === 'receipt') commands.answer(frame.ref, frame);
    if (!('chat' in frame)) return;
    const { chat, type } = frame;
    const channel = channels.get(chat);
    if (!channel) return;
    const isCurrent = frame.ref === channel.ref;
    if (type === 'live' && isCurrent) live(channel);
    if (type === 'reauthorize' && isCurrent) void join(chat, channel);
    // These two may name the subscription before a renewal that is under way: what was lost is lost all the same.
    if (type === 'missed' && channel.isLive) {
      interrupt(channel, type);
      live(channel);
    }
    if (type === 'refused') {
      const error = new ChatTransportError(frame);
      if (channel.isLive) interrupt(channel, error);
      // An invalid token may be one that got old, or another process's: the next one decides.
      if (isCurrent) refused(chat, channel, error, frame.code === 'forbidden');
    }
  };

  return {
    name: 'websocket',
    subscribe(chatId, listener, signal) {
      if (signal.aborted) return;
      let channel = channels.get(chatId);
      if (!channel) {
        channel = { listeners: new Set(), isLive: undefined, ref: 0, token: undefined, failures: 0, retry: undefined };
        channels.set(chatId, channel);
        if (isOpen()) after(heartbeatMs, beat);
        if (socket) void join(chatId, channel);
        else wake();
      } else if (channel.isLive) queueMicrotask(() => channel?.isLive && listener.onLive());
      const { listeners } = channel;
      listeners.add(listener);
      signal.addEventListener('abort', () => {
        listeners.delete(listener);
        if (listeners.size === 0 && channel && channels.get(chatId) === channel) leave(chatId, channel);
      });
    },
    send: (chat, run, message, signal) =>
      commands.send(
        (ref) => !!channels.get(chat)?.isLive && tell({ type: 'command', ref, chat, run, message }),
        signal,
      ),
    close() {
      for (const { retry } of channels.values()) clock.clearTimeout(retry);
      channels.clear();
      shut();
    },
  };
}
