import type { ModelCall } from '@chat-transport/contract';
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
    const answers = async (index: number): Promise<ModelCall> => {
      const message = { id: `m${index}`, role: 'user' as const, parts: [{ type: 'text' as const, text: 'hi' }] };
      await app.handler.runtime.start({ chatId, messages: [message] });
      return app.model.call(index);
    };
    // At the end of an answer, the proxy asks for both readers at once.
    const first = await answers(0);
    first.say('public ');
    await Promise.all(devices.map((device) => device.reads('public ')));
    first.finish();
    await Promise.all(devices.map((device) => device.idles()));
    const tokens = (): unknown =>
      new Set(app.requests.flatMap((request) => /socket.*token=([\w.-]+)/.exec(request)?.[1] ?? []));
    const opened = tokens();
    refused.add('bob');
    await app.handler.runtime.revoke({ chatId, userId: 'bob' });
    await until('one device without realtime', () => paths()[1] !== 'realtime', paths);
    const second = await answers(1);
    second.say('secret ');
    await devices[0]?.reads('secret ');
    second.finish();
    await devices[0]?.idles();
    expect(devices[1]?.chat.text).toBe('public ');
    expect(paths()[0]).toBe('realtime');
    // Nobody else had to come back.
    expect(tokens()).toEqual(opened);
  },
);
