import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';
import { AccessControl, credentialOf } from './access.ts';
import { encodeBody } from './codec.ts';
import { Connection } from './connection.ts';
import { type AblyLimits, defaultLimits } from './limits.ts';
import { actions, Refusal } from './protocol.ts';
import { Rate } from './rate.ts';
import { answerRest } from './rest.ts';
import { type MessageCounts, Service } from './service.ts';

/** How to start the emulator. */
export interface AblyEmulatorOptions {
  /** Its port. @default one that is free */
  readonly port?: number;
  /** Keys of its app, as `name:secret`. @default one */
  readonly keys?: readonly string[];
  readonly limits?: Partial<AblyLimits>;
  /** The service's clock, in milliseconds. @default Date.now */
  readonly now?: () => number;
}

/** A server that speaks Ably's protocol as far as publishing and subscribing go, with Ably's limits. */
export interface AblyEmulator {
  readonly port: number;
  readonly keys: readonly string[];
  readonly counts: Readonly<MessageCounts>;
  /** Every connection breaks off; clients may resume them. */
  dropConnections(): void;
  /** Asks every client for another token, as Ably does ahead of a token's end. */
  askForTokens(): void;
  /** Ends every token, as at its end: clients must bring another. */
  expireTokens(): void;
  /** Revokes every token that was issued until now. */
  revokeTokens(): void;
  /** Ends every connection for good, with the code that a client that publishes far too much gets (42921). */
  failConnections(): void;
  /** The process dies, and everything it kept with it. */
  kill(): Promise<void>;
  /** Starts it again, on its port. */
  start(): Promise<void>;
  close(): Promise<void>;
}

/** Starts the emulator in this process. */
export async function startAblyEmulator(options: AblyEmulatorOptions = {}): Promise<AblyEmulator> {
  const { keys = ['app.key:secret'], now = Date.now } = options;
  const limits = { ...defaultLimits, ...options.limits };
  const counts: MessageCounts = { published: 0, delivered: 0 };
  let port = options.port ?? 0;
  let running: Running | undefined;
  const start = async (): Promise<void> => {
    running = await run(new Service({ access: new AccessControl(keys, now), limits, counts, now }), port);
    port = running.port;
  };
  const kill = async (): Promise<void> => {
    await running?.kill();
    running = undefined;
  };
  const all = (act: (connection: Connection) => void): void => {
    for (const connection of running?.service.connections.values() ?? []) act(connection);
  };
  await start();
  return {
    get port() {
      return port;
    },
    ...{ keys, counts, start, kill, close: kill },
    dropConnections: () => all((connection) => connection.terminate()),
    askForTokens: () => all((connection) => connection.askForToken()),
    expireTokens: () => all((connection) => connection.expire()),
    revokeTokens: () => {
      running?.service.access.revoke();
      all((connection) => connection.recheck());
    },
    failConnections: () => all((connection) => connection.fail(new Refusal(42921, 429, 'Connection closed'))),
  };
}

interface Running {
  readonly service: Service;
  readonly port: number;
  kill(): Promise<void>;
}

async function run(service: Service, port: number): Promise<Running> {
  const rate = new Rate(service.now);
  const server = createServer((request, response) => void answerRest(service, rate, request, response));
  const sockets = new WebSocketServer({ server, perMessageDeflate: false });
  sockets.on('connection', (socket, request) => {
    socket.on('error', () => {});
    connect(service, socket, new URL(request.url ?? '/', 'http://localhost').searchParams);
  });
  await listen(server, port);
  return {
    service,
    port: (server.address() as AddressInfo).port,
    async kill() {
      for (const socket of sockets.clients) socket.terminate();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** A new connection, or the one that its client resumes. */
function connect(service: Service, socket: WebSocket, query: URLSearchParams): void {
  try {
    const access = service.access.check(credentialOf(query));
    const known = service.resumable(query.get('resume'));
    if (!known && service.connections.size >= service.limits.connections)
      throw new Refusal(40111, 401, `The app may have ${service.limits.connections} connections`);
    const connection = known ?? new Connection(service, access);
    service.connections.set(connection.id, connection);
    connection.open(socket, query, access);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const format = query.get('format') === 'msgpack' ? 'msgpack' : 'json';
    socket.send(encodeBody(format, { action: actions.error, error: error.info }));
    socket.close();
  }
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject).listen(port, '127.0.0.1', resolve);
  });
}
