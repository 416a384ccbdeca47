import { expect, test } from 'vitest';
import { setStage } from './stage.ts';

const stage = setStage();
const offline = /^You are offline\./;

test('a device without a network says so after a second, and takes it back once it is there', async () => {
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
