import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** A line to a port of this machine on which everything takes as long as it would over a network. */
export interface DelayProxy {
  readonly port: number;
  /** Bytes that came from the server since the last call. */
  takeBytesDown(): number;
  close(): Promise<void>;
}

/** Each chunk takes `oneWayMs` in each direction, and connecting takes one round trip: what this machine adds for TLS is left out. */
export async function startDelayProxy(target: number, oneWayMs: number): Promise<DelayProxy> {
  const sockets = new Set<Socket>();
  let bytesDown = 0;
  const pass = (from: Socket, to: Socket, count: (bytes: number) => void): void => {
    from.on('data', (chunk: Buffer) => {
      count(chunk.length);
      setTimeout(() => to.writable && to.write(chunk), oneWayMs);
    });
    from.on('close', () => setTimeout(() => to.destroy(), oneWayMs));
    from.on('error', () => {});
  };
  const server = createServer((client) => {
    const upstream = connect(target, '127.0.0.1');
    for (const socket of [client, upstream]) {
      socket.setNoDelay(true);
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket));
    }
    pass(client, upstream, () => {});
    pass(upstream, client, (bytes) => {
      bytesDown += bytes;
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    takeBytesDown() {
      const bytes = bytesDown;
      bytesDown = 0;
      return bytes;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
