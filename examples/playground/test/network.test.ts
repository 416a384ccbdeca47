import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createNetwork, type Network } from '../server/network.ts';
import { deviceOf, online } from '../server/network-state.ts';

const portOf = (server: { address(): unknown }): number => (server.address() as AddressInfo).port;

let app: Server;
let network: Network;

beforeEach(async () => {
  // Answers at once, and one letter more for every letter that it gets.
  app = createServer((request, response) => {
    response.write('hello;');
    request.on('data', (bytes: Buffer) => response.write(bytes));
  });
  app.on('upgrade', (_request, socket) => {
    socket.on('error', () => undefined);
    socket.write('HTTP/1.1 101 Switching Protocols\r\n\r\nsocket;');
  });
  app.listen(0, '127.0.0.1');
  await once(app, 'listening');
  network = createNetwork(() => portOf(app));
  network.server.listen(0, '127.0.0.1');
  await once(network.server, 'listening');
});

afterEach(() => {
  network.close();
  app.closeAllConnections();
  app.close();
});

/** A connection of a device, and what it has received. */
class Client {
  received = '';
  ended: string | null = null;
  readonly socket: Socket;

  constructor(device: string | null, headers = '') {
    this.socket = connect(portOf(network.server), '127.0.0.1');
    const host = device === null ? '127.0.0.1' : `${device}.localhost`;
    this.socket.write(`POST / HTTP/1.1\r\nHost: ${host}:3000\r\nTransfer-Encoding: chunked\r\n${headers}\r\n`);
    this.socket.on('data', (bytes) => {
      this.received += bytes;
    });
    this.socket.on('error', (error: NodeJS.ErrnoException) => {
      this.ended = error.code ?? 'error';
    });
    this.socket.on('close', () => {
      this.ended ??= 'closed';
    });
  }

  say(letter: string): void {
    this.socket.write(`1\r\n${letter}\r\n`);
  }

  async hears(text: string): Promise<void> {
    await expect.poll(() => this.received, { timeout: 3000 }).toContain(text);
  }

  async isReset(): Promise<void> {
    await expect.poll(() => this.ended, { timeout: 3000 }).toBe('ECONNRESET');
  }
}

describe('the network', () => {
  test('knows a device by its host, and the page by the absence of one', () => {
    expect(deviceOf('tab-1a.localhost:3000')).toBe('tab-1a');
    expect(deviceOf('localhost:3000')).toBeNull();
    expect(deviceOf('127.0.0.1:3000')).toBeNull();
    expect(deviceOf('tab.example.com')).toBeNull();
    expect(deviceOf(undefined)).toBeNull();
  });

  test('a closed network resets what is open and what is new, of one device only', async () => {
    const [mine, other, page] = [new Client('mine'), new Client('other'), new Client(null)];
    await Promise.all([mine, other, page].map((client) => client.hears('hello;')));
    network.setState('mine', { mode: 'closed', blocked: [] });
    await mine.isReset();
    await new Client('mine').isReset();
    for (const client of [other, page]) {
      client.say('x');
      await client.hears('x');
    }
    network.setState('mine', online);
    await new Client('mine').hears('hello;');
  });

  test('a half-open network passes nothing and closes nothing', async () => {
    const [old, other] = [new Client('mine'), new Client('other')];
    await Promise.all([old.hears('hello;'), other.hears('hello;')]);
    network.setState('mine', { mode: 'half-open', blocked: [] });
    const fresh = new Client('mine');
    old.say('x');
    // Another device's word goes there and back: by now the cut one's would have come, too.
    other.say('y');
    await other.hears('y');
    expect(old.received).not.toContain('x');
    expect(fresh.received).toBe('');
    expect([old.ended, fresh.ended]).toEqual([null, null]);
    // A connection from before is forgotten: it is reset when it speaks, and new ones work.
    network.setState('mine', online);
    old.say('z');
    await old.isReset();
    await new Client('mine').hears('hello;');
  });

  test('a half-open connection does not learn that the server closed it', async () => {
    const client = new Client('mine');
    await client.hears('hello;');
    network.setState('mine', { mode: 'half-open', blocked: [] });
    app.closeAllConnections();
    const other = new Client('other');
    await other.hears('hello;');
    expect(client.ended).toBeNull();
  });

  test('refused WebSockets are reset, plain requests pass', async () => {
    const headers = 'Connection: Upgrade\r\nUpgrade: websocket\r\n';
    const open = new Client('mine', headers);
    await open.hears('socket;');
    network.setState('mine', { mode: 'online', blocked: ['websocket'] });
    await open.isReset();
    await new Client('mine', headers).isReset();
    await new Client('mine').hears('hello;');
  });
});
