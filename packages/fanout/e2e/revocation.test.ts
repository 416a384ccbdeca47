import { TestChat } from '@chat-transport/contract';
import { syncChat } from '@chat-transport/core';
import { until } from '@chat-transport/local-services';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { FanoutChatTransport } from '../src/index.ts';
import { type PushpinService, startPushpinService } from '../test/support/pushpin-service.ts';
import { serveApp } from '../test/support/served-app.ts';

let service: PushpinService;
beforeAll(async () => {
  service = await startPushpinService();
});
afterAll(() => service.close());

test.each(['stream', 'websocket'] as const)(
  'a user whose access was taken back is disconnected at the proxy, and another one reads on, over %s',
  async (carrier) => {
    const refused = new Set<string>();
    const app = await serveApp(service, {
      authorize: ({ request }) => {
        const userId = request.headers.get('x-user') ?? '';
        return !refused.has(userId) && { userId };
      },
    });
    const chatId = crypto.randomUUID();
    const api = `http://127.0.0.1:${service.pushpin.port}/api/chat`;
    const devices = ['ann', 'bob'].map((userId) => {
      const transport = new FanoutChatTransport({ api, carrier, headers: { 'x-user': userId } });
      const chat = new TestChat({ id: chatId, transport });
      const ending = syncChat(chat, transport);
      onTestFinished(() => {
        ending();
        transport.close();
      });
      return { chat, path: () => transport.connection(chatId).getSnapshot().path };
    });
    const paths = () => devices.map(({ path }) => path());
    await until('two devices that follow', () => paths().every((path) => path === 'realtime'), paths);
    const requests = app.requests.length;
    refused.add('bob');
    app.handler.runtime.revoke({ chatId, userId: 'bob' });
    await until('one device without realtime', () => paths()[1] !== 'realtime', paths);
    const message = { id: 'm', role: 'user' as const, parts: [{ type: 'text' as const, text: 'hi' }] };
    await app.handler.runtime.start({ chatId, messages: [message] });
    const call = await app.model.call();
    call.say('secret ');
    await until(
      'the word on the other device',
      () => devices[0]?.chat.text === 'secret ',
      () => devices[0]?.chat.seen,
    );
    call.finish();
    await until(
      'an idle device',
      () => devices[0]?.chat.isIdle,
      () => devices[0]?.chat.seen,
    );
    expect(devices[1]?.chat.texts).toEqual([]);
    expect(paths()[0]).toBe('realtime');
    expect(app.requests.length).toBeGreaterThan(requests);
  },
);
