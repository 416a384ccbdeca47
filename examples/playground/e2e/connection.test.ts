import { expect, test } from 'vitest';
import { sameOnBoth } from './device.ts';
import { setStage } from './stage.ts';

const stage = setStage();
const offline = /^You are offline\./;

test('a device shows after a second that it is offline, and hides that once the network is back', async () => {
  const device = await stage.open(stage.chatId());
  await device.send('Tell me a story /tokens 400 /rate 50');
  await device.reads(60);
  await device.cut('closed');
  const banner = device.page.getByRole('alert').filter({ hasText: offline });
  await banner.waitFor();
  await device.press('Restore network');
  await banner.waitFor({ state: 'detached' });
  await device.shows('connection', 'connected');
});

test('a device shows at once that the browser has lost the network, and sends what was written then when it is back', async () => {
  const chatId = stage.chatId();
  const [device, other] = await Promise.all([stage.open(chatId), stage.open(chatId)]);
  await device.page.context().setOffline(true);
  // Sooner than a silent connection counts as dead.
  await device.shows('connection', 'offline', 10_000);
  await device.page.getByRole('alert').filter({ hasText: offline }).waitFor();
  await device.send('Are you there? /rate 300');
  await device.page.getByText('Sending…').waitFor();
  await device.page.context().setOffline(false);
  await device.shows('connection', 'connected');
  await other.readsText('Are you there?');
  expect(await sameOnBoth(device, other)).toHaveLength(2);
  expect(await device.marks()).toEqual([]);
  expect((await stage.server.modelCalls(chatId)).calls).toBe(1);
});

test('after a half-open cut the answer is whole, and realtime brings the next one', async () => {
  const chatId = stage.chatId();
  const [asking, watching] = await Promise.all([stage.open(chatId), stage.open(chatId)]);
  await asking.send('Tell me a story /tokens 1200 /rate 50');
  await watching.reads(100);
  await watching.cut('half-open');
  await asking.reads((await watching.answer()).length + 300);
  await watching.restore();
  await sameOnBoth(asking, watching, 60_000);
  await watching.shows('path', 'realtime', 60_000);
  await watching.press('Inspect');
  const runs = watching.page.getByTestId('run');
  await expect.poll(() => runs.first().textContent(), { timeout: 20_000 }).toContain('Repaired gap');
  await asking.send('And now? /rate 200');
  await sameOnBoth(asking, watching);
  await expect.poll(() => runs.count()).toBe(2);
  const newest = await runs.first().textContent();
  expect(newest).toContain('finish');
  expect(newest).not.toContain('missing');
});

test('the inspector counts what each path brings', async () => {
  const device = await stage.open(stage.chatId());
  await device.press('Inspect');
  await device.breaks('Refuse WebSockets');
  await device.shows('path', 'sse');
  await device.send('Tell me a story /tokens 40 /rate 100');
  await device.shows('status', 'ready');
  const run = device.page.getByTestId('run').first();
  await expect.poll(() => run.textContent()).toMatch(/Turn 1.*finish\d+ offsets in \d+ frames/);
  const bytes = device.page.getByRole('region', { name: 'Bytes' }).getByRole('row', { name: /^(response|sse)/ });
  await expect.poll(async () => Number((await bytes.first().textContent())?.replace(/\D/g, ''))).toBeGreaterThan(0);
});
