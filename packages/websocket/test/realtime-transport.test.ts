import type { AddressInfo } from 'node:net';
import { TestChat } from '@chat-transport/contract';
import { expect, onTestFinished, test } from 'vitest';
import { RealtimeWebSocketTransport, type RealtimeWebSocketTransportOptions } from '../src/index.ts';
import { type ChatApp, serveChat } from './support/chat-app.ts';
import { tcpProxy } from './support/tcp-proxy.ts';
import { until } from './support/until.ts';

function device(app: ChatApp, options: RealtimeWebSocketTransportOptions = {}, messages: TestChat['messages'] = []) {
  const transport = new RealtimeWebSocketTransport({ api: `${app.origin}/api/chat`, ...options });
  onTestFinished(() => transport.close());
  return { transport, chat: new TestChat({ id: 'one', transport, messages }) };
}

test('the answer streams, and the connection is realtime', async () => {
  const app = await serveChat();
  const { chat, transport } = device(app);
  const sent = chat.sendMessage({ text: 'hold' });
  await until('the first words', () => chat.text === 'Hello wait ', { saw: () => [chat.text, chat.error?.message] });
  const connection = transport.connection('one');
  await until('realtime', () => connection.getSnapshot().path === 'realtime', { saw: () => connection.getSnapshot() });
  app.release();
  await sent;
  expect(chat.text).toBe('Hello wait answer 1');
});

test('goes on over the socket when the response is cut, and over HTTP when the socket is', async () => {
  const app = await serveChat();
  const [http, socket] = [
    await tcpProxy((app.http.address() as AddressInfo).port),
    await tcpProxy((app.http.address() as AddressInfo).port),
  ];
  const { chat, transport } = device(app, {
    api: `http://127.0.0.1:${http.port}/api/chat`,
    url: `ws://127.0.0.1:${socket.port}/api/chat/socket`,
  });
  const sent = chat.sendMessage({ text: 'hold' });
  await until('the first words', () => chat.text === 'Hello wait ');
  const connection = transport.connection('one');
  await until('realtime', () => connection.getSnapshot().path === 'realtime');
  http.reset();
  socket.reset();
  app.release();
  await sent;
  expect(chat.error).toBeUndefined();
  expect(chat.text).toBe('Hello wait answer 1');
});

test('a device that resumes sees everything, and its stop reaches the run over the socket', async () => {
  const app = await serveChat();
  const first = device(app);
  const sent = first.chat.sendMessage({ text: 'hold' });
  await until('the first words', () => first.chat.text === 'Hello wait ');
  const second = device(app, {}, first.chat.messages.slice(0, 1));
  const resumed = second.chat.resumeStream();
  await until('the first words on the second device', () => second.chat.text === 'Hello wait ');
  const connection = second.transport.connection('one');
  await until('realtime', () => connection.getSnapshot().path === 'realtime');
  const posts: string[] = [];
  app.http.prependListener('request', (request) => posts.push(`${request.method} ${request.url}`));
  await second.chat.stop();
  await Promise.all([sent, resumed]);
  await until('the end of the run', () => app.finished.length === 1);
  expect(app.finished[0]).toEqual({ outcome: 'cancel', text: 'Hello wait ' });
  expect(posts.filter((each) => each.includes('/command'))).toEqual([]);
});

test('a user without the right to signal cannot stop, over no path', async () => {
  const app = await serveChat({
    may: (request, action) => action !== 'command' || request.headers.get('x-owner') === '1',
  });
  const owner = device(app, { headers: { 'x-owner': '1' } });
  void owner.chat.sendMessage({ text: 'hold' });
  await until('the first words', () => owner.chat.text === 'Hello wait ');
  const guest = device(app);
  const connection = guest.transport.connection('one');
  guest.transport.watch('one', () => {});
  await until('realtime', () => connection.getSnapshot().path === 'realtime');
  await expect(guest.transport.cancel({ chatId: 'one' })).rejects.toMatchObject({ code: 'forbidden' });
  expect(app.calls[0]?.aborted).toBe(false);
});

test('a user who may not read falls back to nothing: the token is refused, and so is the stream', async () => {
  const app = await serveChat({ may: () => false });
  const { chat } = device(app);
  await chat.sendMessage({ text: 'Hi' });
  expect(chat.status).toBe('error');
  expect(app.calls).toHaveLength(0);
});

test('a user whose credential is a header can stop: what the socket cannot prove goes over HTTP', async () => {
  const app = await serveChat({ may: (request) => request.headers.get('x-owner') === '1' });
  const { chat, transport } = device(app, { headers: { 'x-owner': '1' } });
  const sent = chat.sendMessage({ text: 'hold' });
  await until('the first words', () => chat.text === 'Hello wait ');
  const connection = transport.connection('one');
  await until('realtime', () => connection.getSnapshot().path === 'realtime');
  await chat.stop();
  await sent;
  await until('the end of the run', () => app.finished.length === 1);
  expect(app.finished[0]?.outcome).toBe('cancel');
});

test('a device that watches follows the runs of others over the socket alone', async () => {
  const app = await serveChat();
  const watcher = device(app);
  const updates: string[] = [];
  watcher.transport.watch('one', ({ type }) => updates.push(type));
  const connection = watcher.transport.connection('one');
  await until('realtime', () => connection.getSnapshot().path === 'realtime');
  await device(app).chat.sendMessage({ text: 'Hi' });
  await until('start and end', () => updates.includes('start') && updates.includes('end'), { saw: () => updates });
});
