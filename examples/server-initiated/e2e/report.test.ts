import { join } from 'node:path';
import { Device } from '@chat-transport/example-support/device';
import { startNodeServer } from '@chat-transport/example-support/node-server';
import { describeTwoDevices } from '@chat-transport/example-support/two-devices';
import { until } from '@chat-transport/local-services';
import { expect, it } from 'vitest';

const folder = join(import.meta.dirname, '..');
const stage = describeTwoDevices(() =>
  startNodeServer({ file: join(folder, 'server.ts'), page: join(folder, 'dist') }),
);
const notified = async (): Promise<string[]> => (await fetch(`${stage.url}/notified`)).json();
const start = (chatId: string): Promise<Response> => fetch(`${stage.url}/report/${chatId}`, { method: 'POST' });

it('shows a turn that the server starts, live, and notifies only where nobody watches', async () => {
  const [watched, unwatched] = [crypto.randomUUID(), crypto.randomUUID()];
  const device = await Device.open(stage.browser, `${stage.url}/chat/${watched}`);
  await Promise.all([start(watched), start(unwatched)]);
  await device.reads(' 10 ');
  expect(await device.page.getByRole('button', { name: 'Let the server write a report' }).isDisabled()).toBe(true);
  expect(await device.messages()).toEqual(['user: report', expect.stringContaining('assistant: “report”')]);
  await device.shows('status', 'ready');
  await until('the notification', async () => (await notified()).includes(unwatched));
  // A wrong notification of the watched chat would come before that of an answer that is begun now.
  const last = crypto.randomUUID();
  await start(last);
  await until('the last notification', async () => (await notified()).includes(last));
  expect((await notified()).sort()).toEqual([unwatched, last].sort());
});
