import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import {
  type AllowChat,
  type ChatTokens,
  ChatTransportError,
  createChatTokens,
  grantChatToken,
  minSecretBytes,
  type RealtimeHost,
  type RealtimeServer,
  type Revocation,
  Revocations,
} from '@chat-transport/core/provider';
import { WebSocketServer } from 'ws';
import { ChannelHub } from './server/channel-hub.ts';
import { type ResolvedOptions, resolveOptions, type WebSocketServerOptions } from './server/options.ts';
import { Session } from './server/session.ts';
import { SessionRegistry } from './server/session-registry.ts';
import { deny, isOurClient, refusalOf, refuse } from './server/upgrade-gate.ts';

/** What this service can do; the contract suite reads it. */
export const websocketSupports = { ownLog: false, clientCommands: true, ordered: true } as const;

/** What `attach` needs of an HTTP server: Node's own, and what `serve` of `@hono/node-server` answers. */
export interface UpgradeServer {
  on(event: 'upgrade', listener: (request: IncomingMessage, socket: Duplex, head: Buffer) => void): unknown;
  off(event: 'upgrade', listener: (request: IncomingMessage, socket: Duplex, head: Buffer) => void): unknown;
  listenerCount(event: 'upgrade'): number;
}

/** Where a server of its own listens. */
export interface ListenOptions {
  /** Default 0: any free port. */
  readonly port?: number;
  /** Default: every address of the machine. */
  readonly host?: string;
  /** Default: `{api}/socket`. */
  readonly path?: string;
}

/**
 * The server half, and the sockets that belong to it. Give it to `createChatHandler` as `realtime`, then `attach` or
 * `listen`.
 */
export interface RealtimeWebSocketServer extends RealtimeServer {
  readonly supports: typeof websocketSupports;
  /** Open sockets of this process. */
  readonly connectionCount: number;
  authorize: NonNullable<RealtimeServer['authorize']>;
  connect(host: RealtimeHost): void;
  /** Sockets of this process that follow a chat. */
  watcherCount(chatId: string): number;
  /**
   * Answers upgrades on `path` (default: `{api}/socket`, with the handler's `api`) of a Node HTTP server. Upgrades on
   * other paths are left to the server's other listeners.
   */
  attach(server: UpgradeServer, options?: { readonly path?: string }): void;
  /** Starts a server of its own; answers its address. Rejects with Node's error when the port is taken. */
  listen(options?: ListenOptions): Promise<AddressInfo>;
  /**
   * Closes every socket (1001) and the server that `listen` started, and leaves a server that was attached to.
   * Idempotent; no timer is left.
   */
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
  readonly #tokens: ChatTokens;
  readonly #hub: ChannelHub;
  readonly #revocations: Revocations;
  readonly #websockets: WebSocketServer;
  readonly #sessions: SessionRegistry;
  readonly #detach: (() => void)[] = [];
  #host: RealtimeHost | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: ResolvedOptions) {
    const { maxMessageBytes, maxPayloadBytes, secret = randomBytes(minSecretBytes), tokenTtlMs, now } = options;
    this.#options = options;
    this.limits = { maxMessageBytes, flushIntervalMs: 0 };
    this.#tokens = createChatTokens({ name: this.name, secret, ttlMs: tokenTtlMs, now });
    this.#hub = new ChannelHub((chatId, deliver, signal) => this.#follow(chatId, deliver, signal));
    this.#sessions = new SessionRegistry(options);
    this.#revocations = new Revocations(tokenTtlMs, now);
    // How long a peer may take to answer a close; @types/ws 8.18 lacks it.
    const closeTimeout = { closeTimeout: farewellMs };
    this.#websockets = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      maxPayload: maxPayloadBytes,
      ...closeTimeout,
    });
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

  authorize(request: Request, allow: AllowChat): Promise<Response> {
    return grantChatToken(request, allow, this.#tokens);
  }

  revoke(revocation: Revocation): void {
    this.#sessions.revoke(this.#revocations.add(revocation));
  }

  watcherCount(chatId: string): number {
    return this.#hub.count(chatId);
  }

  async publish(channel: string, data: string, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    this.publishNow(channel, data);
  }

  publishNow(channel: string, data: string): void {
    const bytes = Buffer.byteLength(data);
    const { maxMessageBytes } = this.#options;
    if (bytes > maxMessageBytes) {
      const message = `A message has ${bytes} bytes, the limit is ${maxMessageBytes}.`;
      throw new ChatTransportError({ code: 'too-large', message });
    }
    this.#hub.deliver(channel, data);
  }

  attach(server: UpgradeServer, { path }: { readonly path?: string } = {}): void {
    const onUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
      if (request.url?.split('?')[0] === (path ?? `${this.#host?.api ?? '/api/chat'}/socket`)) {
        this.#upgrade(request, socket, head);
      } else if (server.listenerCount('upgrade') === 1) {
        // Nobody else will answer, and Node leaves the connection open.
        refuse(socket, { status: 404, message: 'There is no socket at this address.' });
      }
    };
    server.on('upgrade', onUpgrade);
    this.#detach.push(() => server.off('upgrade', onUpgrade));
  }

  async listen({ port = 0, host, path }: ListenOptions = {}): Promise<AddressInfo> {
    const server = createServer((_request, response) => {
      response.writeHead(426, { connection: 'close', upgrade: 'websocket' }).end('This server speaks WebSocket only.');
    });
    this.attach(server, path === undefined ? {} : { path });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject).listen(port, host, resolve);
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
    await this.#sessions.close();
  }

  async #follow(...parameters: Parameters<RealtimeHost['follow']>): Promise<void> {
    await this.#host?.follow(...parameters);
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const host = this.#host;
    if (!host || this.#closing) {
      refuse(socket, { status: 503, message: 'The chat server is not ready.' });
      return;
    }
    const address = this.#options.clientAddress(request);
    const open = { total: this.#sessions.size, fromAddress: this.#sessions.from(address) };
    const refusal = refusalOf(request, this.#options, open);
    const isOurs = isOurClient(request);
    if (refusal && !(isOurs && refusal.status === 403)) {
      refuse(socket, refusal);
      return;
    }
    this.#websockets.handleUpgrade(request, socket, head, (websocket) => {
      if (refusal) return deny(websocket, refusal);
      const context = {
        options: this.#options,
        tokens: this.#tokens,
        hub: this.#hub,
        revocations: this.#revocations,
        admit: (one: Session, userId: string) => this.#sessions.admit(one, userId),
        host,
      };
      const session = new Session(websocket, request, context, () => this.#sessions.remove(session, address));
      this.#sessions.add(session, address);
      if (isOurs) session.welcome();
    });
  }
}
