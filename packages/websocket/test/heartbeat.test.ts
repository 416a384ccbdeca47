import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { serveStub } from './support/app.ts';
import { RawClient } from './support/raw-client.ts';
import { tcpProxy } from './support/tcp-proxy.ts';
import { until } from './support/until.ts';

test('the server drops a socket whose network went away without a word, and keeps a silent one that lives', async () => {
  const app = await serveStub({ heartbeatMs: 50, deadAfterMs: 1_500 });
  const proxy = await tcpProxy((app.http.address() as AddressInfo).port);
  const living = await app.client().opened();
  const lost = await new RawClient(`ws://127.0.0.1:${proxy.port}/api/chat/socket`).opened();
  await living.subscribe('one', await app.token('one'));
  await lost.subscribe('one', await app.token('one'));
  let pings = 0;
  living.socket.on('ping', () => {
    pings += 1;
  });
  proxy.blackHole();
  await until('one connection', () => app.realtime.connectionCount === 1, { saw: () => app.realtime.connectionCount });
  const before = pings;
  // For longer than `deadAfterMs`.
  await until('more pings', () => pings > before + 40, { saw: () => pings - before });
  expect(living.socket.readyState).toBe(1);
  lost.socket.terminate();
});
