import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import type { Device } from './device.ts';
import { setStage } from './stage.ts';

const stage = setStage();
const phone = { width: 390, height: 844 };

/** What a person could not reach: controls and texts that stick out of the screen, unless their own box scrolls. */
function offScreen(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const elements = [...document.querySelectorAll('button, a, input, textarea, p, h1, h2')];
    const scrolls = (element: Element): boolean =>
      element.closest('.messages, .examples ul, .inspector, .images') !== null && !element.matches('.messages');
    return elements
      .filter(
        (element) => element.checkVisibility() && getComputedStyle(element).clipPath === 'none' && !scrolls(element),
      )
      .filter((element) => {
        const { left, right, top, bottom } = element.getBoundingClientRect();
        return left < 0 || right > innerWidth || top < 0 || bottom > innerHeight;
      })
      .map((element) => element.outerHTML.slice(0, 120));
  });
}

const heightOf = async (device: Device, selector: string): Promise<number> =>
  (await device.page.locator(selector).boundingBox())?.height ?? 0;

const isInside = async (device: Device, selector: string): Promise<boolean> => {
  const box = await device.page.locator(selector).boundingBox();
  return (
    box !== null && box.x >= 0 && box.y >= 0 && box.x + box.width <= phone.width && box.y + box.height <= phone.height
  );
};

test('on a phone nothing is off screen, and most of it is for the messages', async () => {
  const device = await stage.open(stage.chatId(), { viewport: phone, hasTouch: true, isMobile: true });
  expect(await offScreen(device.page)).toEqual([]);
  await device.send('What can break? /table /rate 2000');
  await device.shows('status', 'ready');
  expect(await offScreen(device.page)).toEqual([]);
  expect(await device.page.evaluate(() => document.documentElement.scrollWidth)).toBe(phone.width);
  const taken = (await heightOf(device, '.header')) + (await heightOf(device, '.footer'));
  expect(taken).toBeLessThan(0.3 * phone.height);

  await device.press('Break');
  await device.page.getByRole('group', { name: 'Paths' }).waitFor();
  expect(await isInside(device, '#break-panel')).toBe(true);
  await device.page.getByLabel('Forbidden (403)').click();
  await device.shows('connection', 'refused');
  await device.page.keyboard.press('Escape');
  expect(await offScreen(device.page)).toEqual([]);

  await device.press('Menu');
  expect(await isInside(device, '#menu')).toBe(true);
  await device.page.keyboard.press('Escape');
  await device.press('Inspect');
  await device.page.getByRole('complementary', { name: 'Inspector' }).waitFor();
  expect(await device.page.evaluate(() => document.documentElement.scrollWidth)).toBe(phone.width);
  await device.press('Close');
});

test('the newest words stay on screen while an answer is written, unless the reader scrolls up', async () => {
  const device = await stage.open(stage.chatId(), { viewport: phone, hasTouch: true, isMobile: true });
  const distance = (): Promise<number> =>
    device.page.locator('main').evaluate((list) => list.scrollHeight - list.scrollTop - list.clientHeight);
  await device.send('Tell me a story /tokens 3000 /rate 100');
  await device.reads(2000);
  await expect.poll(distance).toBeLessThan(60);
  await device.page.locator('main').evaluate((list) => list.scrollBy(0, -400));
  await device.reads(3000);
  expect(await distance()).toBeGreaterThan(300);
  await device.press('Stop');
  await device.marked('Stopped.');
});

test('an image of the right size is sent, and a larger one is refused with the limit', async () => {
  const chatId = stage.chatId();
  const [device, other] = await Promise.all([stage.open(chatId), stage.open(chatId)]);
  const pixel = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
  const image = Buffer.concat([Buffer.from(pixel, 'base64'), Buffer.alloc(1_600_000)]);
  await device.page.getByLabel(/^Attach images/).setInputFiles([
    { name: 'cat.png', mimeType: 'image/png', buffer: image },
    { name: 'dog.png', mimeType: 'image/png', buffer: image },
  ]);
  await device.page.getByText('dog.png has 1.6 MB. A message can carry images of 3.0 MB in all.').waitFor();
  await device.page.getByRole('img', { name: 'cat.png' }).waitFor();
  await device.send('What is it? /rate 300');
  await other.readsText('You sent me a file: cat.png.');
  const shown = other.page.getByTestId('message').first().getByRole('img', { name: 'cat.png' });
  expect(await shown.evaluate((element: HTMLImageElement) => element.naturalWidth)).toBe(1);
});

test('an example prompt sends at once, and right-to-left text begins at the right', async () => {
  const device = await stage.open(stage.chatId());
  await device.press('احكِ لي حكاية قصيرة');
  await device.readsText('احكِ لي حكاية قصيرة');
  const direction = await device.page
    .locator('.message .plain')
    .evaluate((element) => getComputedStyle(element).direction);
  expect(direction).toBe('rtl');
});
