import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

/** A TCP proxy with faults, closed with the test. */
export interface TcpProxy {
  readonly port: number;
  /** From now on, bytes of the present connections vanish and nobody is told. New connections work. */
  blackHole(): void;
  /** Resets every connection. */
  reset(): void;
  readonly accepted: number;
}

export async function tcpProxy(target: number): Promise<TcpProxy> {
  const pairs = new Set<[Socket, Socket]>();
  const holes = new WeakSet<Socket>();
  let accepted = 0;
  const server = createServer((client) => {
    accepted += 1;
    const upstream = connect(target, '127.0.0.1');
    const pair: [Socket, Socket] = [client, upstream];
    pairs.add(pair);
    for (const [from, to] of [pair, [upstream, client] as const]) {
      from.on('data', (data) => {
        if (!holes.has(from)) to.write(data);
      });
      from.on('error', () => {});
      from.on('close', () => {
        if (!holes.has(from)) to.destroy();
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const each = (act: (socket: Socket) => void): void => {
    for (const pair of pairs) pair.forEach(act);
  };
  onTestFinished(async () => {
    each((socket) => socket.destroy());
    await new Promise((resolve) => server.close(resolve));
  });
  return {
    port: (server.address() as AddressInfo).port,
    blackHole: () => each((socket) => holes.add(socket)),
    reset: () => each((socket) => socket.resetAndDestroy()),
    get accepted() {
      return accepted;
    },
  };
}
