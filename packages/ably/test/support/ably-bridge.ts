import { type AddressInfo, createServer, type Socket } from 'node:net';
import { connect } from 'node:tls';
import type { AblyService } from './ably-service.ts';

/** @source https://ably.com/docs/platform/account/enterprise-customization (read 2026-11-29): the global endpoint */
const host = 'main.realtime.ably.net';

/** Ably itself, behind a port of this machine without TLS, so that the suites' proxies can stand in front of it. */
export async function startAblyBridge(key: string): Promise<AblyService> {
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const service = connect({ host, port: 443, servername: host });
    sockets.add(client);
    client.once('data', (request) => {
      // A client names this port as its host; a socket's handshake and a request that keeps its connection name it once.
      service.write(request.toString('latin1').replace(/^host: .*$/im, `Host: ${host}`), 'latin1');
      client.pipe(service);
    });
    service.pipe(client);
    for (const socket of [client, service]) socket.on('error', () => {});
    client.on('close', () => service.destroy());
    service.on('close', () => client.destroy());
    client.on('close', () => sockets.delete(client));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const drop = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    ...{ name: 'live', key, drop, port: (server.address() as AddressInfo).port },
    async close() {
      drop();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
