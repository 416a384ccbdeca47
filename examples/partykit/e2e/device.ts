import { type Browser, chromium, type Page } from 'playwright-core';
import { expect } from 'vitest';

/** How long a story waits for what must happen, in milliseconds. */
const patienceMs = 20_000;

/** Starts Debian's Chromium. A machine without it fails here: these stories need a real browser. */
export function launchBrowser(): Promise<Browser> {
  const args = ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking'];
  return chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args });
}

/** One person's device: a browser context of its own, with the page open at a chat. */
export class Device {
  readonly page: Page;

  private constructor(page: Page) {
    this.page = page;
  }

  static async open(browser: Browser, url: string, chatId: string): Promise<Device> {
    const device = new Device(await (await browser.newContext()).newPage());
    await device.page.goto(`${url}/?chat=${chatId}`);
    await device.shows('path', 'realtime');
    return device;
  }

  async send(text: string): Promise<void> {
    await this.page.getByRole('textbox', { name: 'Message' }).fill(text);
    await this.press('Send');
  }

  press(button: string): Promise<void> {
    return this.page.getByRole('button', { name: button, exact: true }).click();
  }

  async shows(testId: 'path' | 'status', value: string): Promise<void> {
    await expect
      .poll(() => this.page.getByTestId(testId).textContent(), { timeout: patienceMs, message: testId })
      .toBe(value);
  }

  messages(): Promise<string[]> {
    return this.page.getByTestId('message').allTextContents();
  }

  /** Waits until the newest message has counted at least so far. */
  async counts(atLeast: number): Promise<void> {
    const counted = async (): Promise<number> => Number((await this.messages()).at(-1)?.trim().split(' ').at(-1));
    await expect.poll(counted, { timeout: patienceMs, message: 'the count' }).toBeGreaterThanOrEqual(atLeast);
  }
}

/** Everything from 1 to `last`, as the model says it. */
export function countTo(last: number): string {
  return Array.from({ length: last }, (_, index) => `${index + 1} `).join('');
}
