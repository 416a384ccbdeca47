import { TestChat } from '@chat-transport/contract';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { FanoutChatTransport, streamCarrier } from '../src/index.ts';
import { type PushpinService, startPushpinService } from '../test/support/pushpin-service.ts';
import { serveApp } from '../test/support/served-app.ts';

let service: PushpinService;
beforeAll(async () => {
  service = await startPushpinService();
});
afterAll(() => service.close());

describe('a request that pretends to come from the proxy', () => {
  const otherSignature =
    'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJwdXNocGluIiwiZXhwIjo0MTAyNDQ0ODAwfQ.c2lnbmVkIHdpdGggYW5vdGhlciBrZXk';
  test.each([
    ['a forged signature', { 'grip-sig': otherSignature }],
    ['no signature, and a connection', { 'connection-id': '1' }],
    ['no signature, and a session', { 'meta-session': 'x' }],
    ['a forged signature, a connection and a session', { 'grip-sig': 'x', 'connection-id': '1', 'meta-session': 'x' }],
  ])('with %s is answered 401 on every route', async (_what, forged) => {
    const { port } = await serveApp(service);
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
    await serveApp(service);
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
  const { port, model } = await serveApp(service);
  const response = await fetch(`http://127.0.0.1:${port}/api/chat/socket?chat=c`);
  expect(response.status).toBe(404);
  expect(await response.text()).toContain('needs the GRIP proxy');
  const transport = new FanoutChatTransport({ api: `http://127.0.0.1:${port}/api/chat`, carrier: streamCarrier });
  onTestFinished(() => transport.close());
  const chat = new TestChat({ id: 'c', transport });
  const done = chat.sendMessage({ text: 'hi' });
  const call = await model.call(0);
  call.say('plain');
  call.finish();
  await done;
  expect(chat.text).toBe('plain');
});
