import {
  type Clock,
  type CommandDesk,
  type CommandMessage,
  channelLife,
  createCommandDesk,
  deviceMessageMark,
  isRefusal,
  onWakeUp,
  type RealtimeSubscriber,
  statusError,
  systemClock,
  type TokenSource,
} from '@chat-transport/core/provider';
import type { DeviceMessage } from '../wire.ts';
import type { Carrier, HeldConnection } from './held-connection.ts';
import { webSocketCarrier } from './web-socket-carrier.ts';

/** Options of `fanoutSubscriber`. */
export interface FanoutSubscriberOptions {
  /** Where connections open, through the proxy: `{api}/socket`. Relative to the page. */
  readonly url: string;
  /** Asks the server for a chat's token. */
  readonly authorize: TokenSource;
  /** How frames reach the page. @default webSocketCarrier */
  readonly carrier?: Carrier | undefined;
  /** A connection that was silent for this long is dead, in milliseconds: more than two keep-alives. @default defaultDeadAfterMs */
  readonly deadAfterMs?: number | undefined;
  /**
   * After so long without a frame core reads what may have been missed, in milliseconds. Only WebSockets need it: the proxy repairs streams.
   * @default defaultCheckAfterMs
   */
  readonly checkAfterMs?: number | undefined;
  /** How long a command's receipt may take before core posts the command, in milliseconds. */
  readonly commandTimeoutMs?: number | undefined;
  /** The WebSocket class. Default: the platform's. */
  readonly webSocket?: (new (url: string) => WebSocket) | undefined;
  /** The fetch of `streamCarrier`. Default: the platform's. */
  readonly fetch?: typeof fetch | undefined;
  readonly clock?: Clock | undefined;
}

/** Default of `deadAfterMs`: the proxy sends a keep-alive after 10 s of silence. */
export const defaultDeadAfterMs = 25_000;
/** Default of `checkAfterMs`. */
export const defaultCheckAfterMs = 60_000;

/** Longer than any page lives, and within what timers take. */
const never = 2 ** 30;

/** Follows each chat over a connection that the GRIP proxy holds. */
export function fanoutSubscriber(options: FanoutSubscriberOptions): RealtimeSubscriber {
  const { clock = systemClock, carrier = webSocketCarrier, deadAfterMs = defaultDeadAfterMs } = options;
  const checkAfterMs = carrier.isRepaired ? never : (options.checkAfterMs ?? defaultCheckAfterMs);
  const chats = new Map<string, { connection: HeldConnection | undefined; readonly commands: CommandDesk }>();
  const closing = new AbortController();
  const subscriber: RealtimeSubscriber = {
    name: 'fanout',
    subscribe(chatId, listener, unsubscribed) {
      const signal = AbortSignal.any([unsubscribed, closing.signal]);
      if (signal.aborted) return;
      const life = channelLife({ listener, clock, checkAfterMs, signal });
      const chat = {
        connection: undefined as HeldConnection | undefined,
        commands: createCommandDesk({ clock, timeoutMs: options.commandTimeoutMs }),
      };
      chats.set(chatId, chat);
      let timer: unknown;
      let isConnecting = false;
      const drop = (): void => {
        clock.clearTimeout(timer);
        chat.connection?.close();
        chat.connection = undefined;
        chat.commands.fail();
      };
      const down = (reason: unknown, retry: () => void): void => {
        drop();
        if (!signal.aborted) life.down(reason, retry);
      };
      const onMessage = (data: string): void => {
        if (!data.startsWith(deviceMessageMark)) return life.heard(data);
        const message = JSON.parse(data) as DeviceMessage;
        if (message.type === 'live') life.live();
        if (message.type === 'receipt') chat.commands.answer(message.ref, message);
      };
      const connect = async (): Promise<void> => {
        if (signal.aborted || chat.connection || isConnecting) return;
        isConnecting = true;
        try {
          const token = await options.authorize(chatId, signal, () => listener.onQueued?.());
          if (signal.aborted) return;
          const url = new URL(options.url, globalThis.location?.href);
          url.searchParams.set('chat', chatId);
          url.searchParams.set('token', token);
          const onAlive = (): void => {
            clock.clearTimeout(timer);
            timer = clock.setTimeout(() => down('silence', connect), deadAfterMs);
          };
          const onDown = (reason: unknown, status = 0): void => {
            const refusal = statusError(status, `The chat server refused the stream (status ${status}).`, reason);
            if (status < 400 || !isRefusal(refusal)) return down(reason, connect);
            drop();
            listener.onFailed(refusal);
          };
          onAlive();
          const { webSocket, fetch } = options;
          const on = { onLive: life.live, onMessage, onAlive, onDown };
          chat.connection = carrier.open({ url: url.href, webSocket, fetch, ...on });
        } catch (error) {
          if (signal.aborted) return;
          if (isRefusal(error)) return listener.onFailed(error);
          down(error, connect);
        } finally {
          isConnecting = false;
        }
      };
      const stopListening = onWakeUp(() => void connect());
      signal.addEventListener('abort', () => {
        stopListening();
        drop();
        if (chats.get(chatId) === chat) chats.delete(chatId);
      });
      void connect();
    },
    close: () => closing.abort(),
  };
  if (!carrier.carriesCommands) return subscriber;
  return {
    ...subscriber,
    async send(chatId, run, message, signal) {
      const { connection, commands } = chats.get(chatId) ?? {};
      const send = (ref: number): boolean =>
        connection?.send(JSON.stringify({ type: 'command', ref, run, message } satisfies CommandMessage)) ?? false;
      return (commands ?? createCommandDesk({ clock })).send(send, signal);
    },
  };
}
