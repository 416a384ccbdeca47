import type { Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { ChatTransportError, type RealtimeHost } from '@chat-transport/core/provider';
import { createAdaptorServer } from '@hono/node-server';
import { onTestFinished } from 'vitest';
import { type RealtimeWebSocketServer, type WebSocketServerOptions, websocketServer } from '../../src/server.ts';
import { RawClient } from './raw-client.ts';

/** A real HTTP server with a socket server attached, closed with the test. */
export interface TestApp {
  readonly realtime: RealtimeWebSocketServer;
  readonly http: Server;
  readonly origin: string;
  readonly socketUrl: string;
  /** Open TCP connections of the server. */
  readonly connections: Set<Socket>;
  client(headers?: Record<string, string>): RawClient;
  token(chatId: string, headers?: Record<string, string>): Promise<string>;
  publish(chatId: string, data: string): Promise<void>;
}

export async function serve(
  realtime: RealtimeWebSocketServer,
  handle: (request: Request) => Promise<Response>,
): Promise<TestApp> {
  const http = createAdaptorServer({ fetch: handle }) as Server;
  const connections = new Set<Socket>();
  http.on('connection', (socket: Socket) => {
    connections.add(socket);
    socket.on('close', () => connections.delete(socket));
  });
  realtime.attach(http);
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  const { port } = http.address() as AddressInfo;
  const origin = `http://127.0.0.1:${port}`;
  const socketUrl = `${origin.replace('http', 'ws')}/api/chat/socket`;
  const clients: RawClient[] = [];
  onTestFinished(async () => {
    for (const { socket } of clients) socket.terminate();
    await realtime.close();
    for (const socket of connections) socket.destroy();
    await new Promise((resolve) => http.close(resolve));
  });
  return {
    realtime,
    http,
    origin,
    socketUrl,
    connections,
    client(headers) {
      const client = new RawClient(socketUrl, headers);
      clients.push(client);
      return client;
    },
    async token(chatId, headers) {
      const response = await fetch(`${origin}/api/chat/auth`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify({ chatId }),
      });
      if (!response.ok) throw new Error(`auth answered ${response.status}: ${await response.text()}`);
      return (await response.json()).token;
    },
    publish: (chatId, data) => realtime.publish(realtime.channelName(chatId), data, new AbortController().signal, 'id'),
  };
}

/** What the small handler of {@link serveStub} saw. */
export interface StubApp extends TestApp {
  readonly commands: { url: string; headers: Headers; body: unknown }[];
  /** The chats of the tokens that were granted. */
  readonly grants: string[];
}

/**
 * The socket server behind a handler that has no chat engine: `auth`, and commands that are recorded. Everybody may do everything, except with an
 * `x-may` header that lists the actions.
 */
export async function serveStub(options: WebSocketServerOptions = {}): Promise<StubApp> {
  const realtime = websocketServer(options);
  const commands: StubApp['commands'] = [];
  const grants: StubApp['grants'] = [];
  const handle = async (request: Request): Promise<Response> => {
    const { pathname } = new URL(request.url);
    const may = request.headers.get('x-may')?.split(',') ?? ['read', 'send', 'command'];
    try {
      if (pathname === '/api/chat/auth') {
        return await realtime.authorize(request, async (chatId, action = 'read') => {
          if (!may.includes(action)) throw new ChatTransportError({ code: 'forbidden', message: `No ${action} here.` });
          if (action === 'read') grants.push(chatId);
        });
      }
      const body = (await request.json()) as { id: string };
      commands.push({ url: request.url, headers: request.headers, body });
      if (body.id === 'slow') await new Promise(() => {});
      return Response.json({ outcome: 'delivered' });
    } catch (error) {
      if (!ChatTransportError.isInstance(error)) throw error;
      const { code, message } = error;
      return Response.json({ error: { code, message } }, { status: code === 'forbidden' ? 403 : 400 });
    }
  };
  const host: RealtimeHost = {
    api: '/api/chat',
    handle,
    follow: async () => {},
    newest: async () => ({ turn: 0 }),
    stream: handle,
  };
  realtime.connect(host);
  return { ...(await serve(realtime, handle)), commands, grants };
}
