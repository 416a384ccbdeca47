import { until } from '@chat-transport/local-services';
import { type Browser, chromium, type Page } from 'playwright-core';

/** Starts Debian's Chromium. A machine without it fails here: these stories need a real browser. */
export function launchBrowser(): Promise<Browser> {
  const args = ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking'];
  return chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args });
}

/** How a device is opened. */
export interface DeviceOptions {
  readonly clockOffsetMs?: number;
  readonly signIn?: (page: Page) => Promise<void>;
}

/** One person's device: a browser context of its own, with the page open at a chat. */
export class Device {
  readonly page: Page;
  /** Whether the page's own console has complained. */
  readonly errors: string[] = [];

  private constructor(page: Page) {
    this.page = page;
    page.on('pageerror', (error) => this.errors.push(error.message));
  }

  /**
   * @param options.clockOffsetMs How far this device's clock is off, in milliseconds.
   * @param options.signIn What a person does on the page before the chat is there.
   */
  static async open(browser: Browser, address: string, options: DeviceOptions = {}): Promise<Device> {
    const { clockOffsetMs = 0, signIn } = options;
    const context = await browser.newContext();
    await context.addInitScript((offsetMs) => {
      const now = Date.now.bind(Date);
      Date.now = () => now() + offsetMs;
    }, clockOffsetMs);
    const device = new Device(await context.newPage());
    await device.page.goto(address);
    await signIn?.(device.page);
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

  /** Waits until what is shown under a test id is one of `values`. */
  async shows(testId: 'connection' | 'path' | 'status', ...values: string[]): Promise<void> {
    let shown: string | null = null;
    await until(
      `${testId} ${values.join(' or ')}`,
      async () => {
        shown = await this.page.getByTestId(testId).textContent();
        return values.includes(shown ?? '');
      },
      () => ({ shown, errors: this.errors }),
      // Ably's client tries again 15 s after a lost connection.
      40_000,
    );
  }

  /** Each message as `role: text`. */
  messages(): Promise<string[]> {
    return this.page
      .getByTestId('message')
      .evaluateAll((elements) => elements.map((each) => `${each.getAttribute('data-role')}: ${each.textContent}`));
  }

  /** Waits until the newest message contains `text`. */
  async reads(text: string): Promise<void> {
    let messages: string[] = [];
    await until(
      `"${text}"`,
      async () => {
        messages = await this.messages();
        return messages.at(-1)?.includes(text);
      },
      () => ({ messages, errors: this.errors }),
    );
  }
}
