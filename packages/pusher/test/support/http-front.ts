import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createServer as createSockJs } from 'sockjs';
import { WebSocket } from 'ws';

/** Where browsers without WebSockets connect. */
export interface HttpFront {
  readonly host: string;
  /** `METHOD path` of every request, oldest first. */
  readonly requests: string[];
  close(): Promise<void>;
}

/** Pusher's HTTP fallbacks are SockJS in front of its sockets; soketi has sockets alone, so this is the front. */
export async function startHttpFront(key: string, socketPort: number): Promise<HttpFront> {
  const requests: string[] = [];
  const sockets = new Set<WebSocket>();
  const server = createServer();
  const front = createSockJs({ prefix: `/pusher/app/${key}`, log: () => {} });
  front.on('connection', (client) => {
    const socket = new WebSocket(`ws://127.0.0.1:${socketPort}/app/${key}?protocol=7&client=js`);
    sockets.add(socket);
    const waiting: string[] = [];
    client.on('data', (text: string) =>
      socket.readyState === WebSocket.OPEN ? socket.send(text) : waiting.push(text),
    );
    client.on('close', () => socket.close());
    socket.on('open', () => {
      for (const text of waiting) socket.send(text);
    });
    socket.on('message', (data) => client.write(String(data)));
    socket.on('close', () => client.close());
  });
  front.installHandlers(server);
  server.on('request', ({ method, url }) => requests.push(`${method} ${url}`));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    async close() {
      for (const socket of sockets) socket.terminate();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
