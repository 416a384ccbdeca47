import type { Clock } from '@chat-transport/core';
import { PartySocket } from 'partysocket';
import { ping, pong } from './socket-wire.ts';

/** How a socket finds out that it is dead. */
export interface Heartbeat {
  /** Silence before a ping, in milliseconds. */
  readonly heartbeatMs: number;
  /** A socket that was silent for this long is dead, in milliseconds. */
  readonly deadAfterMs: number;
}

/** What `openChatSocket` needs. */
export interface ChatSocketOptions {
  /** The Worker's chat routes, e.g. `https://chat.example.workers.dev/api/chat`; relative to the page. */
  readonly url: string;
  readonly chatId: string;
  /** Asked at every connect: the ticket, and the position. */
  readonly query: () => Promise<Record<string, string | undefined>>;
  readonly clock: Clock;
  /** How silence is tested. Read at every message: it may change while the socket lives. */
  readonly heartbeat: () => Heartbeat;
  /** The WebSocket class. Default: the platform's. */
  readonly webSocket?: unknown;
  onOpen?(): void;
  onMessage(data: string): void;
  /** Not connected, or not any more. The socket tries again by itself. */
  onDown(reason: unknown): void;
}

/** One chat's socket, which comes back by itself. */
export interface ChatSocket {
  /** False where nothing can be sent now. */
  send(data: string): boolean;
  /**
   * Finds out within `patienceMs` whether the socket lives; default as after silence. A socket that is down connects at
   * once.
   */
  test(patienceMs?: number): void;
  /** Replaces the socket with a new one, at once. */
  renew(): void;
  close(): void;
}

/**
 * The first wait before a new attempt, in milliseconds, less up to a half at random; it doubles. PartySocket's own is 3
 * s.
 */
const firstRetryMs = 300;
/** The longest wait between two attempts, in milliseconds. PartySocket has no call that makes it try sooner. */
const maxRetryMs = 4_000;

/** Opens a chat's socket: PartySocket, with the heartbeat that it lacks. */
export function openChatSocket(options: ChatSocketOptions): ChatSocket {
  const { clock } = options;
  const { host, pathname, protocol, searchParams } = new URL(
    options.url,
    globalThis.location?.href ?? 'http://localhost',
  );
  let timer: unknown;
  const after = (delayMs: number, act: () => void): void => {
    clock.clearTimeout(timer);
    timer = clock.setTimeout(act, delayMs);
  };
  const beat = (patienceMs?: number): void => {
    const { heartbeatMs, deadAfterMs } = options.heartbeat();
    socket.send(ping);
    after(patienceMs ?? deadAfterMs - heartbeatMs, () => socket.reconnect());
  };
  const listen = (): void => after(options.heartbeat().heartbeatMs, beat);
  const down = (reason: unknown): void => {
    clock.clearTimeout(timer);
    options.onDown(reason);
  };
  const socket = new PartySocket({
    host,
    protocol: /^(https|wss)/.test(protocol) ? 'wss' : 'ws',
    basePath: `${pathname.replace(/^\/+|\/+$/g, '')}/${options.chatId}/socket`,
    // What the address carries itself goes along, as in every request of the transport.
    query: async () => ({ ...Object.fromEntries(searchParams), ...(await options.query()) }),
    minReconnectionDelay: firstRetryMs * (0.5 + Math.random() / 2),
    maxReconnectionDelay: maxRetryMs,
    reconnectionDelayGrowFactor: 2,
    maxEnqueuedMessages: 0,
    WebSocket: options.webSocket,
  });
  socket.onopen = () => {
    listen();
    options.onOpen?.();
  };
  socket.onmessage = ({ data }) => {
    listen();
    if (data !== pong) options.onMessage(data);
  };
  // A failed query is an error without a close.
  socket.onclose = socket.onerror = down;
  return {
    send: (data) => socket.readyState === 1 && socket.send(data),
    test(patienceMs) {
      if (socket.readyState === 1) beat(patienceMs);
      else socket.reconnect();
    },
    renew: () => socket.reconnect(),
    close() {
      socket.onclose = socket.onerror = socket.onmessage = socket.onopen = null;
      clock.clearTimeout(timer);
      socket.close();
    },
  };
}
