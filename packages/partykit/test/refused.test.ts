import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import type { ChannelListener, ChatTransportError } from '@chat-transport/core/provider';
import { expect, onTestFinished, test } from 'vitest';
import { partykitSubscriber } from '../src/index.ts';
import { ticketsOf } from '../src/ticket.ts';
import { until } from './support/until.ts';
import { secret, Workerd } from './support/workerd.ts';

/** Two chats of one page, and what is reported. */
function follow(
  url: string,
  signWith: string,
): { readonly reports: ChatTransportError[]; live(): number; tickets(): number } {
  const reports: ChatTransportError[] = [];
  let live = 0;
  let tickets = 0;
  const subscriber = partykitSubscriber({
    url,
    authorize: (chatId) => {
      tickets++;
      return ticketsOf(signWith).sign({ chatId, may: ['read'] });
    },
  });
  onTestFinished(() => subscriber.close?.());
  for (const chat of ['one', 'two']) {
    const listener: ChannelListener = {
      onLive: () => void live++,
      onInterrupted: () => {},
      onFailed: () => {},
      onMessage: () => {},
      onRefused: (error) => void reports.push(error),
    };
    subscriber.subscribe(chat, listener, new AbortController().signal);
  }
  return { reports, live: () => live, tickets: () => tickets };
}

test('a page whose tickets are signed with another secret reports once why its sockets are refused', async () => {
  const workerd = await Workerd.start();
  onTestFinished(() => workerd.stop());
  const { reports, tickets } = follow(workerd.url, secret.toUpperCase());
  await until('a report', () => reports.length > 0, { saw: () => tickets() });
  expect(reports[0]).toMatchObject({ code: 'unauthorized', message: expect.stringContaining('secret') });
  const before = tickets();
  await until('more handshakes', () => tickets() >= before + 4, { deadlineMs: 40_000 });
  expect(reports).toHaveLength(1);
});

test('a page behind a proxy without WebSockets reports it once, goes on trying, and is live when the proxy is mended', async () => {
  const workerd = await Workerd.start();
  onTestFinished(() => workerd.stop());
  let passes = false;
  const proxy = createServer((request, response) => {
    fetch(`${workerd.origin}${request.url}`).then(async (answer) =>
      response.writeHead(answer.status).end(await answer.text()),
    );
  });
  proxy.on('upgrade', (request, socket, head) => {
    if (!passes) return socket.end('HTTP/1.1 502 Bad Gateway\r\nconnection: close\r\n\r\n');
    const upstream = connect(workerd.port, '127.0.0.1', () => {
      const headers = Object.entries(request.headers).map(([name, value]) => `${name}: ${value}`);
      upstream.write(`${request.method} ${request.url} HTTP/1.1\r\n${headers.join('\r\n')}\r\n\r\n`);
      upstream.write(head);
      socket.pipe(upstream).pipe(socket);
    });
    socket.on('error', () => upstream.destroy());
    upstream.on('error', () => socket.destroy());
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    proxy.closeAllConnections();
    proxy.close();
  });
  const { reports, live } = follow(`http://127.0.0.1:${(proxy.address() as AddressInfo).port}/api/chat`, secret);
  await until('a report', () => reports.length > 0);
  expect(reports).toHaveLength(1);
  expect(reports[0]).toMatchObject({ code: 'provider-failed', message: expect.stringContaining('proxies') });
  passes = true;
  await until('both chats live', () => live() === 2);
});
