import type { AddressInfo } from 'node:net';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { FaultProxy } from '../src/index.ts';
import { until } from '../src/stage/wait.ts';

let server: Server;
let proxy: FaultProxy;
const opened: Socket[] = [];
const serverSide: Socket[] = [];

beforeEach(async () => {
  serverSide.length = 0;
  // Says everything back.
  server = createServer((socket) => {
    serverSide.push(socket);
    socket.on('error', () => {}).on('data', (data) => socket.write(data));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  proxy = await FaultProxy.start((server.address() as AddressInfo).port);
});

afterEach(async () => {
  for (const socket of opened.splice(0)) socket.destroy();
  await proxy.close();
  await proxy.close();
  server.close();
});

interface Client {
  readonly socket: Socket;
  text: string;
  closed: 'open' | 'closed' | 'reset';
}

function client(): Client {
  const socket = connect(proxy.port, '127.0.0.1');
  const made: Client = { socket, text: '', closed: 'open' };
  opened.push(socket);
  socket.on('data', (data) => {
    made.text += data;
  });
  socket.on('error', () => {
    made.closed = 'reset';
  });
  socket.on('close', () => {
    if (made.closed === 'open') made.closed = 'closed';
  });
  return made;
}

async function says(each: Client, text: string): Promise<void> {
  each.socket.write(text);
  await until(
    `"${text}" said back`,
    () => each.text.endsWith(text),
    () => each,
  );
}

it('passes bytes both ways, and an end', async () => {
  const one = client();
  await says(one, 'hello');
  expect(proxy).toMatchObject({ accepted: 1, open: 1, bytesDown: 5 });
  one.socket.end();
  await until('the end', () => one.closed === 'closed' && proxy.open === 0);
});

it('cuts what is open, refuses what is new, and passes again after restore', async () => {
  const one = client();
  await says(one, 'hello');
  proxy.cut();
  await until('a reset', () => one.closed === 'reset');
  const two = client();
  await until('a refusal', () => two.closed !== 'open');
  proxy.restore();
  await says(client(), 'again');
});

it('loses bytes of one direction without a word, and does not bring half of them back', async () => {
  const one = client();
  await says(one, 'a');
  proxy.set({ down: { blackHole: true } });
  one.socket.write('b');
  await until('b at the server', () => serverSide[0]?.bytesRead === 2 && proxy.bytesDown === 2);
  proxy.restore();
  one.socket.write('c');
  await says(client(), 'sentinel');
  expect(one).toMatchObject({ text: 'a', closed: 'open' });
});

it('leaves a client with a connection that looks open', async () => {
  const one = client();
  await says(one, 'a');
  proxy.halfOpen();
  await until('a closed server side', () => serverSide[0]?.destroyed);
  one.socket.write('b');
  await says(client(), 'sentinel');
  expect(one).toMatchObject({ text: 'a', closed: 'open' });
});

it('delays each byte without slowing the flow', async () => {
  // One after the other, the bytes would take 26 s.
  const delayMs = 1000;
  proxy.set({ up: { delayMs } });
  const one = client();
  const from = performance.now();
  const bytes = 'abcdefghijklmnopqrstuvwxyz';
  for (const byte of bytes) one.socket.write(byte);
  await until('all of it', () => one.text === bytes);
  expect(performance.now() - from).toBeGreaterThan(0.95 * delayMs);
  expect(performance.now() - from).toBeLessThan((delayMs * bytes.length) / 2);
});

it('throttles', async () => {
  proxy.set({ down: { bytesPerSecond: 200_000 } });
  const one = client();
  const from = performance.now();
  const text = 'x'.repeat(100_000);
  one.socket.write(text);
  await until('all of it', () => one.text.length === text.length);
  expect(performance.now() - from).toBeGreaterThan(250);
});

it('runs a script by what has passed', async () => {
  proxy.script([{ afterBytes: 10, act: (each) => each.cut() }]);
  const one = client();
  await says(one, '1234');
  one.socket.write('5');
  await until(
    'the cut',
    () => one.closed === 'reset',
    () => one,
  );
});
