import {
  type CommandDesk,
  type CommandMessage,
  createCommandDesk,
  deviceMessageMark,
  isRefusal,
  onWakeUp,
  type RealtimeSubscriber,
  systemClock,
} from '@chat-transport/core/provider';
import { type ChatSocket, openChatSocket } from './chat-socket.ts';
import { explainRefusal } from './explain-refusal.ts';
import type { DeviceMessage } from './socket-wire.ts';
import { defaultDeadAfterMs, defaultHeartbeatMs, type PartykitSubscriberOptions } from './subscriber-options.ts';

/** How long a ticket may take, in milliseconds; after that a new attempt begins. */
const ticketTimeoutMs = 5_000;
/** How long a socket may take to show that it lived through a sleep, in milliseconds. */
const wakeUpMs = 3_000;

/** So many handshakes fail in a row before it is reported: until then it may be an object that is being replaced. */
const handshakesBeforeReport = 4;

interface Session {
  readonly socket: ChatSocket;
  readonly commands: CommandDesk;
  isLive: boolean;
}

/** Follows each chat over a socket to its object. */
export function partykitSubscriber(options: PartykitSubscriberOptions): RealtimeSubscriber {
  const { clock = systemClock, authorize } = options;
  const heartbeat = {
    heartbeatMs: options.heartbeatMs ?? defaultHeartbeatMs,
    deadAfterMs: options.deadAfterMs ?? defaultDeadAfterMs,
  };
  const sessions = new Map<string, Session>();
  const openDesk = (): CommandDesk => createCommandDesk({ clock, timeoutMs: options.commandTimeoutMs });
  let stopListening: (() => void) | undefined;
  /** Whether it was reported that handshakes are refused: it is one fault, however many chats of the page wait. */
  let isReported = false;

  const wake = (): void => {
    for (const { socket } of sessions.values()) socket.test(wakeUpMs);
  };
  const stopIfUnused = (): void => {
    if (sessions.size > 0) return;
    stopListening?.();
    stopListening = undefined;
  };

  return {
    name: 'partykit',
    subscribe(chatId, listener, signal) {
      if (signal.aborted) return;
      /** The newest frame, or `live` message: a new connection goes on behind it. */
      let newest: string | undefined;
      /** Handshakes with a ticket since the chat was live. */
      let handshakes = 0;
      let ticket = '';
      const query = async (): Promise<Record<string, string | undefined>> => {
        try {
          // PartySocket waits for this as long as it takes.
          const either = AbortSignal.any([signal, AbortSignal.timeout(ticketTimeoutMs)]);
          ticket = await authorize(chatId, either, () => listener.onQueued?.());
          handshakes++;
          return { ticket, ...(newest && positionBehind(newest)) };
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
        commands: openDesk(),
        socket: openChatSocket({
          url: options.url,
          chatId,
          query,
          clock,
          heartbeat: () => heartbeat,
          webSocket: options.webSocket,
          onMessage(data) {
            if (!data.startsWith(deviceMessageMark)) {
              newest = data;
              listener.onMessage(data);
              return;
            }
            const message: DeviceMessage = JSON.parse(data);
            if (message.type === 'over') return session.socket.renew();
            if (message.type === 'mark') return void session.socket.send(data);
            if (message.type === 'receipt') return session.commands.answer(message.ref, message);
            newest = data;
            // Live again without a new socket: the object has left out what this device was too slow for.
            if (session.isLive) listener.onInterrupted();
            session.isLive = true;
            handshakes = 0;
            isReported = false;
            listener.onLive();
          },
          onDown(reason) {
            session.isLive = false;
            session.commands.fail();
            listener.onInterrupted(reason);
            if (handshakes < handshakesBeforeReport || isReported) return;
            isReported = true;
            void explainRefusal(options.url, chatId, ticket).then((error) => {
              if (!signal.aborted) listener.onRefused?.(error);
            });
          },
        }),
      };
      const leave = (): void => {
        session.isLive = false;
        session.socket.close();
        session.commands.fail();
        if (sessions.get(chatId) === session) sessions.delete(chatId);
        stopIfUnused();
      };
      stopListening ??= onWakeUp(wake);
      sessions.set(chatId, session);
      signal.addEventListener('abort', leave);
    },
    send: (chatId, run, message, signal) => {
      const session = sessions.get(chatId);
      const write = (ref: number): boolean =>
        !!session?.isLive &&
        session.socket.send(JSON.stringify({ type: 'command', ref, run, message } satisfies CommandMessage));
      return (session?.commands ?? openDesk()).send(write, signal);
    },
    close() {
      for (const { socket } of sessions.values()) socket.close();
      sessions.clear();
      stopIfUnused();
    },
  };
}

/** Where the frame behind this message begins; PartySocket leaves out what is undefined. */
function positionBehind(message: string): Record<string, string | undefined> {
  const { run, next, at = 0 } = JSON.parse(message);
  return { run, from: String(next ?? at) };
}
