import { createServer, type IncomingMessage, request } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A reverse proxy that gives the server its own address as `Host` instead of the one in the browser, as many do by default. */
export interface HostProxy {
  readonly url: string;
  /** How many WebSocket handshakes it has passed on. */
  readonly handshakes: number;
  close(): void;
}

export async function startHostProxy(server: string): Promise<HostProxy> {
  const { hostname, port, host } = new URL(server);
  let handshakes = 0;
  const pass = ({ method, url, headers }: IncomingMessage) =>
    request({ hostname, port, method, path: url, headers: { ...headers, host } });

  const proxy = createServer((incoming, outgoing) => {
    const passed = pass(incoming);
    passed.on('response', (response) => {
      outgoing.writeHead(response.statusCode ?? 502, response.headers);
      response.pipe(outgoing);
    });
    passed.on('error', () => outgoing.destroy());
    outgoing.on('close', () => passed.destroy());
    incoming.pipe(passed);
  });
  proxy.on('upgrade', (incoming, client) => {
    handshakes += 1;
    const passed = pass(incoming);
    passed.on('upgrade', ({ rawHeaders }, socket, head) => {
      const lines = rawHeaders.map((text, index) => (index % 2 === 0 ? `${text}: ` : `${text}\r\n`));
      client.write(`HTTP/1.1 101 Switching Protocols\r\n${lines.join('')}\r\n`);
      client.write(head);
      client.pipe(socket).pipe(client);
      socket.on('error', () => client.destroy());
      client.on('error', () => socket.destroy());
    });
    passed.on('error', () => client.destroy());
    passed.end();
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
    get handshakes() {
      return handshakes;
    },
    close() {
      proxy.closeAllConnections();
      proxy.close();
    },
  };
}
