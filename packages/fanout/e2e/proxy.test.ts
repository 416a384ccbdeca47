import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ScriptedModel, TestChat } from '@chat-transport/contract';
import { syncChat } from '@chat-transport/core';
import { memoryLog } from '@chat-transport/core/memory';
import { type ChatHandler, createChatHandler } from '@chat-transport/core/server';
import { until } from '@chat-transport/local-services';
import { createAdaptorServer } from '@hono/node-server';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { FanoutChatTransport } from '../src/index.ts';
import { fanout } from '../src/server.ts';
import { type PushpinService, secret, startPushpinService } from '../test/support/pushpin-service.ts';

let service: PushpinService;
beforeAll(async () => {
  service = await startPushpinService();
});
afterAll(() => service.close());

/** An app behind Pushpin: what it was asked, and how many sockets it has open. */
async function serve(): Promise<{ port: number; handler: ChatHandler; model: ScriptedModel; server: Server }> {
  const model = new ScriptedModel();
  const handler = createChatHandler({
    log: memoryLog(),
    realtime: fanout({ grip: service.pushpin.gripUrl, secret }),
    authorize: () => true,
    respond: model.respond,
  });
  const server = createAdaptorServer({ fetch: handler }) as Server;
  // Pushpin keeps its connections for as long as the server does.
  server.keepAliveTimeout = 100;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  service.attach(server);
  onTestFinished(async () => {
    for (const call of model.calls) call.close();
    await handler.runtime.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return { port: (server.address() as AddressInfo).port, handler, model, server };
}

describe('a request that pretends to come from the proxy', () => {
  const otherSignature =
    'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJwdXNocGluIiwiZXhwIjo0MTAyNDQ0ODAwfQ.c2lnbmVkIHdpdGggYW5vdGhlciBrZXk';
  test.each([
    ['a forged signature', { 'grip-sig': otherSignature }],
    ['no signature, and a connection', { 'connection-id': '1' }],
    ['no signature, and a session', { 'meta-session': 'x' }],
    ['a forged signature, a connection and a session', { 'grip-sig': 'x', 'connection-id': '1', 'meta-session': 'x' }],
  ])('with %s is answered 401 on every route', async (_what, forged) => {
    const { port } = await serve();
    const json = { 'content-type': 'application/json', ...forged };
    const events = { ...forged, 'content-type': 'application/websocket-events', accept: '*/*' };
    const at = (path: string, init: RequestInit): Promise<Response> =>
      fetch(`http://127.0.0.1:${port}/api/chat${path}`, init);
    const answers = await Promise.all([
      at('/socket?chat=c', { method: 'POST', headers: events, body: 'OPEN\r\n' }),
      at('/socket?chat=c', { headers: forged }),
      at('/c/command', { method: 'POST', headers: json, body: '{"id":"s","runId":"r","type":"cancel"}' }),
      at('/c/stream', { headers: forged }),
      at('/c', { headers: forged }),
    ]);
    expect(answers.map(({ status }) => status)).toEqual([401, 401, 401, 401, 401]);
  });

  test('cannot send the events of a WebSocket through the proxy', async () => {
    await serve();
    const response = await fetch(`http://127.0.0.1:${service.pushpin.port}/api/chat/socket?chat=c`, {
      method: 'POST',
      headers: {
        'content-type': 'application/websocket-events',
        accept: '*/*',
        'connection-id': '1',
        'meta-session': 'forged',
      },
      body: 'TEXT 2\r\n{}\r\n',
    });
    expect(await response.text()).toContain('not allowed to send WebSocket events');
  });
});

test('without the proxy, a held connection is refused with the reason, and the chat goes on over HTTP', async () => {
  const { port, model } = await serve();
  const response = await fetch(`http://127.0.0.1:${port}/api/chat/socket?chat=c`);
  expect(response.status).toBe(404);
  expect(await response.text()).toContain('needs the GRIP proxy');
  const transport = new FanoutChatTransport({ api: `http://127.0.0.1:${port}/api/chat`, carrier: 'stream' });
  onTestFinished(() => transport.close());
  const chat = new TestChat({ id: 'c', transport });
  const done = chat.sendMessage({ text: 'hi' });
  const call = await model.call(0);
  call.say('plain');
  call.finish();
  await done;
  expect(chat.text).toBe('plain');
});

test.each(['websocket', 'stream'] as const)(
  'the function holds no connection while ten devices watch a silent answer over %s',
  async (carrier) => {
    const { handler, model, server } = await serve();
    const api = `http://127.0.0.1:${service.pushpin.port}/api/chat`;
    const chats = Array.from({ length: 10 }, () => {
      const transport = new FanoutChatTransport({ api, carrier });
      const chat = new TestChat({ id: `c-${carrier}`, transport });
      const synced = syncChat(chat, transport);
      onTestFinished(() => {
        synced();
        transport.close();
      });
      return { chat, transport };
    });
    const paths = (): unknown[] => chats.map(({ chat, transport }) => transport.connection(chat.id).getSnapshot().path);
    await until('ten devices that follow', () => paths().every((path) => path === 'realtime'), paths);
    const message = { id: 'm', role: 'user' as const, parts: [{ type: 'text' as const, text: 'hi' }] };
    await handler.runtime.start({ chatId: `c-${carrier}`, messages: [message] });
    const call = await model.call(0);
    call.say('one ');
    const texts = (): string[] => chats.map(({ chat }) => chat.text);
    await until('ten devices that show it', () => texts().every((text) => text.includes('one')), texts);
    const open = (): Promise<number> =>
      new Promise((resolve) => server.getConnections((_error, count) => resolve(count)));
    await until('no open socket', async () => (await open()) === 0);
    // Heartbeats of the devices come from the proxy. A device that hears no word looks into the log after 1, 2, 4 and 8 s, and Node keeps the socket
    // of such a request for a second. A connection that the function held would stay.
    let longestMs = 0;
    let openSince: number | undefined;
    for (const from = performance.now(); performance.now() - from < 20_000; ) {
      const now = performance.now();
      openSince = (await open()) > 0 ? (openSince ?? now) : undefined;
      longestMs = Math.max(longestMs, now - (openSince ?? now));
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(longestMs).toBeLessThan(5000);
    call.say('two');
    call.finish();
    await until('ten whole answers', () => texts().every((text) => text === 'one two'), texts);
  },
  60_000,
);
