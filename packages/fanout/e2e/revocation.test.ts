import { until } from '@chat-transport/local-services';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type PushpinService, startPushpinService } from '../test/support/pushpin-service.ts';
import { serveApp } from '../test/support/served-app.ts';
import { watchingDevices } from '../test/support/watching-device.ts';

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
    const devices = await Promise.all(
      ['ann', 'bob'].map(async (user) => {
        const [device] = await watchingDevices(service, {
          chatId,
          carrier,
          transport: { headers: { 'x-user': user } },
        });
        if (!device) throw new Error('There is one device.');
        return device;
      }),
    );
    const paths = () => devices.map(({ path }) => path());
    const requests = app.requests.length;
    refused.add('bob');
    await app.handler.runtime.revoke({ chatId, userId: 'bob' });
    await until('one device without realtime', () => paths()[1] !== 'realtime', paths);
    const message = { id: 'm', role: 'user' as const, parts: [{ type: 'text' as const, text: 'hi' }] };
    await app.handler.runtime.start({ chatId, messages: [message] });
    const call = await app.model.call();
    call.say('secret ');
    await devices[0]?.reads('secret ');
    call.finish();
    await devices[0]?.idles();
    expect(devices[1]?.chat.texts).toEqual([]);
    expect(paths()[0]).toBe('realtime');
    expect(app.requests.length).toBeGreaterThan(requests);
  },
);
