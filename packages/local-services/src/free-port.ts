import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/** Below the ports that the system gives out by itself, to outgoing connections too: a port of those may be taken again before it is used. */
const ports = { from: 15_000, to: 32_000 };

/** A port of this machine that nobody listens on. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(ports.from, ports.to);
    const server = createServer();
    const isFree = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false)).listen(port, '127.0.0.1', () => resolve(true));
    });
    await new Promise((resolve) => server.close(resolve));
    if (isFree) return port;
  }
}
