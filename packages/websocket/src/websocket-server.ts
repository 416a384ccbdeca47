import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { ChatTransportError, type RealtimeHost, type RealtimeServer } from '@chat-transport/core/provider';
import { WebSocketServer } from 'ws';
import { ChannelHub } from './server/channel-hub.ts';
import { createChatTokens } from './server/chat-token.ts';
import { grantToken } from './server/grant-token.ts';
import { type ResolvedOptions, resolveOptions, type WebSocketServerOptions } from './server/options.ts';
import { Session } from './server/session.ts';
import { refusalOf, refuse } from './server/upgrade-gate.ts';

/** What this service can do; the contract suite reads it. */
export const websocketSupports = { ownLog: false, clientSignals: true, ordered: true } as const;

/** What `attach` needs of an HTTP server: Node's own, and what `serve` of `@hono/node-server` answers. */
export interface UpgradeServer {
  on(event: 'upgrade', listener: (request: IncomingMessage, socket: Duplex, head: Buffer) => void): unknown;
  off(event: 'upgrade', listener: (request: IncomingMessage, socket: Duplex, head: Buffer) => void): unknown;
  listenerCount(event: 'upgrade'): number;
}

/** The server half, and the sockets that belong to it. Give it to `createChatHandler` as `realtime`, then `attach` or `listen`. */
export interface RealtimeWebSocketServer extends RealtimeServer {
  readonly supports: typeof websocketSupports;
  /** Open sockets of this process. */
  readonly connectionCount: number;
  authorize: NonNullable<RealtimeServer['authorize']>;
  connect(host: RealtimeHost): void;
  /**
   * Answers upgrades on `path` (default: `{api}/socket`, with the handler's `api`) of a Node HTTP server. Upgrades on other paths are left to the
   * server's other listeners.
   */
  attach(server: UpgradeServer, options?: { readonly path?: string }): void;
  /** Starts a server of its own; answers its address. Rejects with Node's error when the port is taken. */
  listen(options?: { readonly port?: number; readonly host?: string; readonly path?: string }): Promise<AddressInfo>;
  /** Closes every socket (1001) and the server that `listen` started, and leaves a server that was attached to. Idempotent; no timer is left. */
  close(): Promise<void>;
}

const farewellMs = 1_000;

/**
 * A WebSocket server for Node that carries chats to browsers, on the `ws` package.
 * @throws TypeError when `secret` is shorter than 32 bytes.
 */
export function websocketServer(options: WebSocketServerOptions = {}): RealtimeWebSocketServer {
  return new Sockets(resolveOptions(options));
}

class Sockets implements RealtimeWebSocketServer {
  readonly name = 'websocket';
  readonly supports: typeof websocketSupports = websocketSupports;
  readonly limits: RealtimeServer['limits'];
  readonly #options: ResolvedOptions;
  readonly #tokens: ReturnType<typeof createChatTokens>;
  readonly #hub = new ChannelHub();
  readonly #websockets: WebSocketServer;
  readonly #sessions = new Set<Session>();
  readonly #perAddress = new Map<string, number>();
  readonly #instance: string = randomUUID();
  readonly #detach: (() => void)[] = [];
  readonly #unsubscribeBus: Promise<(() => void) | undefined>;
  #host: RealtimeHost | undefined;
  #timer: NodeJS.Timeout | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: ResolvedOptions) {
    this.#options = options;
    this.limits = { maxMessageBytes: options.maxMessageBytes, flushIntervalMs: 0 };
    this.#tokens = createChatTokens({ secret: options.secret, ttlMs: options.tokenTtlMs, now: options.now });
    // How long a peer may take to answer a close; @types/ws 8.18 lacks it.
    const closeTimeout = { closeTimeout: farewellMs };
    this.#websockets = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      maxPayload: options.maxPayloadBytes,
      ...closeTimeout,
    });
    this.#unsubscribeBus = this.#subscribeBus();
    // A bus that cannot be subscribed shows at each publish.
    this.#unsubscribeBus.catch(() => {});
  }

  get connectionCount(): number {
    return this.#sessions.size;
  }

  channelName(chatId: string): string {
    return chatId;
  }

  connect(host: RealtimeHost): void {
    this.#host = host;
  }

  authorize(request: Request, allow: Parameters<RealtimeWebSocketServer['authorize']>[1]): Promise<Response> {
    return grantToken(request, allow, this.#tokens);
  }

  async publish(channel: string, data: string, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const bytes = Buffer.byteLength(data);
    const { maxMessageBytes, bus } = this.#options;
    if (bytes > maxMessageBytes) {
      throw new ChatTransportError({
        code: 'too-large',
        message: `A message has ${bytes} bytes, the limit is ${maxMessageBytes}.`,
      });
    }
    this.#hub.deliver(channel, data);
    try {
      await this.#unsubscribeBus;
      // The bus may hand the message back: the sender's name in front of it tells.
      await bus?.publish(channel, `${this.#instance} ${data}`);
    } catch (cause) {
      throw new ChatTransportError({ code: 'provider-failed', message: 'The bus did not take a message.', cause });
    }
  }

  attach(server: UpgradeServer, { path }: { readonly path?: string } = {}): void {
    const onUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
      if (
        new URL(request.url ?? '/', 'http://localhost').pathname ===
        (path ?? `${this.#host?.api ?? '/api/chat'}/socket`)
      ) {
        this.#upgrade(request, socket, head);
      } else if (server.listenerCount('upgrade') === 1) {
        // Nobody else will answer, and Node leaves the connection open.
        refuse(socket, { status: 404, message: 'There is no socket at this address.' });
      }
    };
    server.on('upgrade', onUpgrade);
    this.#detach.push(() => server.off('upgrade', onUpgrade));
  }

  async listen(
    options: { readonly port?: number; readonly host?: string; readonly path?: string } = {},
  ): Promise<AddressInfo> {
    const server = createServer((_request, response) => {
      response.writeHead(426, { connection: 'close', upgrade: 'websocket' }).end('This server speaks WebSocket only.');
    });
    this.attach(server, options.path === undefined ? {} : { path: options.path });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject).listen(options.port ?? 0, options.host, resolve);
    });
    this.#detach.push(() => server.close());
    return server.address() as AddressInfo;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    for (const detach of this.#detach) detach();
    for (const session of this.#sessions) session.close();
    (await this.#unsubscribeBus.catch(() => undefined))?.();
    // Sockets whose peer does not answer are ended by ws after `closeTimeout`; the last one takes the timer with it.
    await new Promise<void>((resolve) => {
      this.#onEmpty = resolve;
      if (this.#sessions.size === 0) resolve();
    });
  }

  #onEmpty: (() => void) | undefined;

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const host = this.#host;
    if (!host || this.#closing) {
      refuse(socket, { status: 503, message: 'The chat server is not ready.' });
      return;
    }
    const address = this.#options.clientAddress(request);
    const fromAddress = this.#perAddress.get(address) ?? 0;
    const refusal = refusalOf(request, this.#options, { total: this.#sessions.size, fromAddress });
    if (refusal) {
      refuse(socket, refusal);
      return;
    }
    this.#websockets.handleUpgrade(request, socket, head, (websocket) => {
      const context = { options: this.#options, tokens: this.#tokens, hub: this.#hub, host };
      const session = new Session(websocket, request, context, () => this.#forget(session, address));
      this.#sessions.add(session);
      this.#perAddress.set(address, (this.#perAddress.get(address) ?? 0) + 1);
      this.#timer ??= this.#startTimer();
    });
  }

  #forget(session: Session, address: string): void {
    this.#sessions.delete(session);
    const left = (this.#perAddress.get(address) ?? 1) - 1;
    if (left > 0) this.#perAddress.set(address, left);
    else this.#perAddress.delete(address);
    if (this.#sessions.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#onEmpty?.();
  }

  // One timer for all sockets, and none without sockets.
  #startTimer(): NodeJS.Timeout {
    const { heartbeatMs, deadAfterMs, subscribeTimeoutMs, subscriptionMs, now } = this.#options;
    const everyMs = Math.min(
      1_000,
      Math.max(10, Math.min(heartbeatMs, deadAfterMs, subscribeTimeoutMs, subscriptionMs) / 4),
    );
    return setInterval(() => {
      const time = now();
      for (const session of this.#sessions) session.check(time);
    }, everyMs).unref();
  }

  async #subscribeBus(): Promise<(() => void) | undefined> {
    return this.#options.bus?.subscribe((channel, data) => {
      const space = data.indexOf(' ');
      if (data.slice(0, space) !== this.#instance) this.#hub.deliver(channel, data.slice(space + 1));
    });
  }
}
