import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { countTo, Device, launchBrowser } from './device.ts';
import { startWrangler, type WranglerDev } from './wrangler-dev.ts';

let worker: WranglerDev;
let browser: Browser;

beforeAll(async () => {
  [worker, browser] = await Promise.all([startWrangler(), launchBrowser()]);
});
afterEach(async () => {
  await Promise.all(browser.contexts().map((context) => context.close()));
});
afterAll(async () => {
  await Promise.all([worker?.close(), browser?.close()]);
});

const open = (chatId: string): Promise<Device> => Device.open(browser, worker.url, chatId);

/** Waits until both are ready and show these messages. */
async function bothShow(devices: readonly Device[], messages: readonly string[]): Promise<void> {
  for (const device of devices) {
    await device.shows('status', 'ready');
    await expect.poll(() => device.messages()).toEqual(messages);
  }
}

test('two devices show the same count while it is made', async () => {
  const [asking, watching] = await Promise.all([open('two'), open('two')]);
  await asking.send('Count to 80');
  await watching.counts(20);
  expect(await watching.page.getByTestId('status').textContent()).toBe('streaming');
  await bothShow([asking, watching], ['Count to 80', countTo(80)]);
});

test('a page that is reloaded in the middle misses no number', async () => {
  const [asking, watching] = await Promise.all([open('reload'), open('reload')]);
  await asking.send('Count to 100');
  await asking.counts(20);
  await asking.page.reload();
  await asking.counts(30);
  await bothShow([asking, watching], ['Count to 100', countTo(100)]);
});

test('a stop on the other device ends the count on both', async () => {
  const [asking, watching] = await Promise.all([open('stop'), open('stop')]);
  await asking.send('Count to 1000');
  await watching.counts(20);
  await watching.press('Stop');
  await Promise.all([asking.shows('status', 'ready'), watching.shows('status', 'ready')]);
  const [, counted = ''] = await watching.messages();
  const last = Number(counted.trim().split(' ').at(-1));
  expect(last).toBeLessThan(1000);
  await bothShow([asking, watching], ['Count to 1000', countTo(last)]);
});

test('workerd that dies in the middle ends the count, keeps the text so far, and the chat goes on', async () => {
  const [asking, watching] = await Promise.all([open('restart'), open('restart')]);
  await asking.send('Count to 1000');
  await Promise.all([asking.counts(20), watching.counts(20)]);
  await worker.restart();
  // The lease of the dead model call has to expire first.
  for (const device of [asking, watching]) await device.page.getByRole('alert').waitFor({ timeout: 40_000 });
  const [, counted = ''] = await asking.messages();
  const last = Number(counted.trim().split(' ').at(-1));
  expect(last).toBeGreaterThanOrEqual(20);
  expect(await asking.messages()).toEqual(['Count to 1000', countTo(last)]);
  expect(await watching.messages()).toEqual(await asking.messages());

  await watching.shows('path', 'realtime');
  await watching.send('Count to 10');
  await bothShow([asking, watching], ['Count to 1000', countTo(last), 'Count to 10', countTo(10)]);
});
