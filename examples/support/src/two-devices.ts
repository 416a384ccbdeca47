import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { Device, launchBrowser } from './device.ts';

/** An example that runs on this machine. */
export interface RunningExample {
  readonly url: string;
  /** Another address of it, for the second device. @default `url` */
  readonly otherUrl?: string;
  close(): Promise<unknown>;
}

/** What an example's own stories use. It can be read once the tests run. */
export interface OneServer {
  readonly browser: Browser;
  readonly url: string;
  readonly otherUrl: string;
}

/** The story that every example with one server must pass: two devices, a reload, and a stop on the other device. */
export function describeTwoDevices(start: () => Promise<RunningExample>): OneServer {
  let example: RunningExample | undefined;
  let browser: Browser | undefined;
  const started = <T>(value: T | undefined): T => {
    if (value === undefined) throw new Error('The example has not started.');
    return value;
  };
  const stage: OneServer = {
    get browser() {
      return started(browser);
    },
    get url() {
      return started(example).url;
    },
    get otherUrl() {
      return started(example).otherUrl ?? stage.url;
    },
  };

  beforeAll(async () => {
    [example, browser] = await Promise.all([start(), launchBrowser()]);
  });
  afterEach(() => Promise.all((browser?.contexts() ?? []).map((context) => context.close())));
  afterAll(async () => {
    await browser?.close();
    await example?.close();
  });

  it('shows one answer on two devices, through a reload of one and a stop on the other', async () => {
    const path = `/chat/${crypto.randomUUID()}`;
    const { url, otherUrl } = stage;
    const [asking, watching] = await Promise.all([
      Device.open(stage.browser, `${url}${path}`),
      Device.open(stage.browser, `${otherUrl}${path}`),
    ]);
    await asking.send('count to 600');
    await watching.reads(' 5 ');
    await asking.page.reload();
    await asking.reads(' 10 ');
    await watching.press('Stop');
    await Promise.all([asking.shows('status', 'ready'), watching.shows('status', 'ready')]);
    await expect.poll(() => watching.messages()).toEqual(await asking.messages());
    const messages = await asking.messages();
    expect(messages).toEqual([
      'user: count to 600',
      expect.stringMatching(/^assistant: “count to 600” \([0-9a-f]{8}\): 1 2 /),
    ]);
    expect(messages[1]).not.toContain(' 599');
    expect([asking.errors, watching.errors]).toEqual([[], []]);
  });

  it('keeps the newest words in view, until the reader scrolls up', async () => {
    const device = await Device.open(stage.browser, `${stage.url}/chat/${crypto.randomUUID()}`);
    const { page } = device;
    await page.setViewportSize({ width: 390, height: 400 });
    const scrolled = (): Promise<{ top: number; end: number }> =>
      page.evaluate(() => ({ top: scrollY, end: document.documentElement.scrollHeight - innerHeight }));
    await device.send('count to 2000');
    await expect.poll(scrolled).toSatisfy(({ top, end }) => end > 50 && Math.abs(end - top) < 1);
    await page.evaluate(() => scrollTo(0, 0));
    const { end: before } = await scrolled();
    await expect.poll(scrolled).toSatisfy(({ end }) => end > before + 50);
    expect((await scrolled()).top).toBe(0);
    await device.press('Stop');
  });

  it('shows why the server refuses a chat', async () => {
    const page = await stage.browser.newPage();
    await page.goto(`${stage.url}/chat/nobody`);
    await page.getByRole('alert').filter({ hasText: 'You do not have access to this chat.' }).waitFor();
    await page.getByRole('button', { name: 'Try again' }).waitFor();
  });
  return stage;
}
