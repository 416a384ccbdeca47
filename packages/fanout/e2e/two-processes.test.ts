import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type RedisServer, startRedis } from '@chat-transport/local-services';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { LogSettings } from '../test/support/function-process.ts';
import { type PushpinService, startPushpinService } from '../test/support/pushpin-service.ts';
import { startFunction } from '../test/support/start-function.ts';
import { watchingDevices } from '../test/support/watching-device.ts';

let service: PushpinService;
let redis: RedisServer;
let folder: string;
beforeAll(async () => {
  service = await startPushpinService();
  redis = await startRedis();
  folder = await mkdtemp(join(tmpdir(), 'fanout-'));
});
afterAll(async () => {
  await service.close();
  await redis.close();
  await rm(folder, { recursive: true, force: true });
});

/** A log that no test has used, for all processes that get these settings. */
const logs: Record<'redis' | 'sqlite', () => LogSettings> = {
  redis: () => ({ kind: 'redis', url: redis.url, keyPrefix: `${crypto.randomUUID()}:` }),
  sqlite: () => ({ kind: 'sqlite', path: join(folder, `${crypto.randomUUID()}.db`) }),
};

describe.each(['redis', 'sqlite'] as const)('two processes of the function on one %s', (name) => {
  describe.each(['stream', 'websocket'] as const)('over %s', (carrier) => {
    /** The run is in the first process, and everything that comes through the proxy reaches the second. */
    async function stage() {
      const log = logs[name]();
      const writer = await startFunction(service, log);
      const reader = await startFunction(service, log);
      const chatId = crypto.randomUUID();
      const [device] = await watchingDevices(service, { chatId, carrier });
      if (!device) throw new Error('There is one device.');
      writer.ask({ order: 'start', chatId });
      await writer.reported('model-called');
      writer.ask({ order: 'say', text: 'one ' });
      await device.reads('one ');
      return { writer, reader, device, chatId };
    }

    test('a stop that reaches one process ends the run of the other', async () => {
      const { writer, reader, device } = await stage();
      await device.chat.stop();
      await writer.reported('model-stopped');
      await device.idles();
      expect(device.chat.text).toBe('one ');
      expect([writer.requests, reader.hasAnswered()]).toEqual([[], false]);
    });

    test('a steer that reaches one process joins the answer of the other', async () => {
      const { writer, reader, device, chatId } = await stage();
      const steered = device.transport.steer({ chatId, text: 'shorter' });
      const { message } = await writer.reported('steered');
      expect(message).toMatchObject({ role: 'user', content: [{ type: 'text', text: 'shorter' }] });
      writer.ask({ order: 'say', text: 'two' });
      await device.reads('one two');
      writer.ask({ order: 'finish' });
      await steered;
      await device.idles();
      expect([writer.requests, reader.hasAnswered()]).toEqual([[], false]);
    });
  });
});
