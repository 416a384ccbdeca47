import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { syncChat } from '@chat-transport/core';
import { until } from '@chat-transport/local-services';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import type { FunctionSettings, LogSettings } from '../test/support/function-process.ts';
import { type PushpinService, startPushpinService } from '../test/support/pushpin-service.ts';
import { startFunction } from '../test/support/start-function.ts';
import { type WatchingDevice, watchingDevices } from '../test/support/watching-device.ts';

let service: PushpinService;
let folder: string;
beforeAll(async () => {
  service = await startPushpinService();
  folder = await mkdtemp(join(tmpdir(), 'fanout-'));
});
afterAll(async () => {
  await service.close();
  await rm(folder, { recursive: true, force: true });
});

/** Short leases, so that a dead writer is found within a test. */
const shortLease = { leaseMs: 3000, renewEveryMs: 500 } as const;

/** Two processes of the function, of which the first writes an answer, and a device over each carrier. The first one is killed then. */
async function killedInMidAnswer(onInterrupted: 'end' | 'continue') {
  const log: LogSettings = { kind: 'sqlite', path: join(folder, `${crypto.randomUUID()}.db`) };
  const options: FunctionSettings['options'] = { ...shortLease, onInterrupted };
  const writer = await startFunction(service, log, options);
  const left = await startFunction(service, log, options);
  const chatId = crypto.randomUUID();
  const devices: WatchingDevice[] = [];
  for (const carrier of ['websocket', 'stream'] as const)
    devices.push(...(await watchingDevices(service, { chatId, carrier })));
  writer.ask({ order: 'start', chatId });
  await writer.reported('model-called');
  writer.ask({ order: 'say', text: 'one ' });
  for (const device of devices) await device.reads('one ');
  await writer.kill();
  return { left, devices, chatId };
}

/** How a device says that the answers of its chat ended. */
function outcomesOf({ chat, transport }: WatchingDevice): unknown[] {
  const synced = syncChat(chat, transport);
  onTestFinished(synced);
  return Object.values(synced.getReport().outcomes);
}

const seen = (devices: readonly WatchingDevice[]) =>
  devices.map(({ chat, path }) => [chat.seen, String(chat.error), path()]);

describe('a function that is killed while it writes an answer', () => {
  test('is reported on every device as lost, with what was written, and the next question is answered', async () => {
    const { left, devices, chatId } = await killedInMidAnswer('end');
    const isLost = ({ chat }: WatchingDevice) =>
      chat.status === 'error' && (chat.error as { code?: string } | undefined)?.code === 'lost';
    await until(
      'a lost answer on every device',
      () => devices.every(isLost),
      () => seen(devices),
    );
    const late = await watchingDevices(service, { chatId, carrier: 'stream' });
    for (const device of [...devices, ...late]) {
      await device.reads('one ');
      await until(
        'the outcome',
        () => outcomesOf(device).join() === 'lost',
        () => outcomesOf(device),
      );
    }
    const [sender] = devices;
    void sender?.chat.sendMessage({ text: 'again' });
    await left.reported('model-called');
    left.ask({ order: 'say', text: 'two' });
    left.ask({ order: 'finish' });
    for (const device of [...devices, ...late]) {
      await device.reads('two');
      await device.idles();
      expect(device.chat.error).toBeUndefined();
    }
  });

  test('is followed by another process, which writes one whole answer for every device', async () => {
    const { left, devices, chatId } = await killedInMidAnswer('continue');
    await left.reported('model-called');
    left.ask({ order: 'say', text: 'whole' });
    left.ask({ order: 'finish' });
    const late = await watchingDevices(service, { chatId, carrier: 'stream' });
    for (const device of [...devices, ...late]) {
      await device.reads('whole');
      await device.idles();
      expect(device.chat.error).toBeUndefined();
      await until(
        'the outcome',
        () => outcomesOf(device).join() === 'finish',
        () => outcomesOf(device),
      );
    }
  });
});
