import type { Server } from 'node:http';
import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';

/** Where sockets go. */
export interface UpgradeTarget {
  readonly host: string;
  readonly port: number;
  /** Whether the target speaks TLS. */
  readonly isSecure?: boolean;
}

/** Hands every WebSocket that a server is asked for on to another one. Where that one is down, the socket is closed. */
export function forwardUpgrades(server: Server, { host, port, isSecure = false }: UpgradeTarget): void {
  server.on('upgrade', ({ method, url, rawHeaders }, socket, head) => {
    const open = (): void => {
      const headers = rawHeaders.map((each: string, index: number) => {
        if (index % 2 === 0) return `${each}: `;
        // A hosted service finds the project by the name that it was asked for.
        const isHost = isSecure && rawHeaders[index - 1]?.toLowerCase() === 'host';
        return `${isHost ? host : each}\r\n`;
      });
      upstream.write(`${method} ${url} HTTP/1.1\r\n${headers.join('')}\r\n`);
      upstream.write(head);
      socket.pipe(upstream).pipe(socket);
    };
    const upstream = isSecure ? connectTls({ host, port, servername: host }, open) : connect(port, host, open);
    upstream.on('error', () => socket.destroy()).on('close', () => socket.destroy());
    socket.on('error', () => upstream.destroy()).on('close', () => upstream.destroy());
  });
}
