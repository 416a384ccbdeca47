import { systemClock } from '@chat-transport/core';
import { ChatTransportError, type RealtimeSubscriber } from '@chat-transport/core/provider';
import { type ChatSocket, openChatSocket } from './chat-socket.ts';
import { type CommandMessage, type DeviceMessage, deviceMessageMark } from './socket-wire.ts';
import {
  defaultCommandTimeoutMs,
  defaultDeadAfterMs,
  defaultHeartbeatMs,
  type PartykitSubscriberOptions,
} from './subscriber-options.ts';

/** How long a ticket may take, in milliseconds; after that a new attempt begins. */
const ticketTimeoutMs = 5_000;
/** How long a socket may take to show that it lived through a sleep, in milliseconds. */
const wakeUpMs = 3_000;

type Receipt = Extract<DeviceMessage, { type: 'receipt' }>;

interface Session {
  readonly socket: ChatSocket;
  readonly commands: Map<number, (answer?: Receipt) => void>;
  isLive: boolean;
}

const noAnswer = { code: 'network', message: 'The socket did not answer the signal.' } as const;

/** Follows each chat over a socket to its object. */
export function partykitSubscriber(options: PartykitSubscriberOptions): RealtimeSubscriber {
  const { clock = systemClock, authorize } = options;
  const sessions = new Map<string, Session>();
  let refs = 0;

  const wake = (): void => {
    for (const { socket } of sessions.values()) socket.wake(wakeUpMs);
  };
  const listen = (method: 'addEventListener' | 'removeEventListener'): void => {
    for (const type of ['online', 'pageshow', 'visibilitychange']) globalThis[method]?.(type, wake);
  };

  return {
    name: 'partykit',
    subscribe(chatId, listener, signal) {
      if (signal.aborted) return;
      /** The newest frame, or `live` message: a new connection goes on behind it. */
      let newest: string | undefined;
      const query = async (): Promise<Record<string, string | undefined>> => {
        try {
          // PartySocket waits for this as long as it takes.
          const either = AbortSignal.any([signal, AbortSignal.timeout(ticketTimeoutMs)]);
          return { ticket: await authorize(chatId, either), ...(newest && positionBehind(newest)) };
        } catch (error) {
          if (isRefusal(error) && !signal.aborted) {
            leave();
            listener.onFailed(error);
          }
          throw error;
        }
      };
      const session: Session = {
        isLive: false,
        commands: new Map(),
        socket: openChatSocket({
          url: options.url,
          chatId,
          query,
          clock,
          heartbeatMs: options.heartbeatMs ?? defaultHeartbeatMs,
          deadAfterMs: options.deadAfterMs ?? defaultDeadAfterMs,
          webSocket: options.webSocket,
          onMessage(data) {
            if (!data.startsWith(deviceMessageMark)) {
              newest = data;
              listener.onMessage(data);
              return;
            }
            const message: DeviceMessage = JSON.parse(data);
            if (message.type === 'receipt') return session.commands.get(message.ref)?.(message);
            newest = data;
            session.isLive = true;
            listener.onLive();
          },
          onDown(reason) {
            session.isLive = false;
            for (const settle of session.commands.values()) settle();
            listener.onInterrupted(reason);
          },
        }),
      };
      const leave = (): void => {
        session.isLive = false;
        session.socket.close();
        for (const settle of session.commands.values()) settle();
        if (sessions.get(chatId) === session) sessions.delete(chatId);
        if (sessions.size === 0) listen('removeEventListener');
      };
      if (sessions.size === 0) listen('addEventListener');
      sessions.set(chatId, session);
      signal.addEventListener('abort', leave);
    },
    send: (chatId, run, message, signal) =>
      new Promise((resolve, reject) => {
        const session = sessions.get(chatId);
        const ref = ++refs;
        const settle = (answer?: Receipt): void => {
          session?.commands.delete(ref);
          clock.clearTimeout(timeout);
          signal.removeEventListener('abort', onAbort);
          if (answer && 'receipt' in answer) resolve(answer.receipt);
          else if (signal.aborted) reject(signal.reason);
          else reject(new ChatTransportError(answer?.error ?? noAnswer));
        };
        const onAbort = (): void => settle();
        const timeout = clock.setTimeout(onAbort, options.commandTimeoutMs ?? defaultCommandTimeoutMs);
        signal.addEventListener('abort', onAbort);
        session?.commands.set(ref, settle);
        const text = JSON.stringify({ type: 'command', ref, run, message } satisfies CommandMessage);
        if (signal.aborted || !session?.isLive || !session.socket.send(text)) settle();
      }),
    close() {
      for (const { socket } of sessions.values()) socket.close();
      sessions.clear();
      listen('removeEventListener');
    },
  };
}

/** Where the frame behind this message begins; PartySocket leaves out what is undefined. */
function positionBehind(message: string): Record<string, string | undefined> {
  const { run, next, at = 0 } = JSON.parse(message);
  return { run, from: String(next ?? at) };
}

function isRefusal(error: unknown): error is ChatTransportError {
  return ChatTransportError.isInstance(error) && (error.code === 'unauthorized' || error.code === 'forbidden');
}
