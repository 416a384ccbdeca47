import { type Browser, type BrowserContextOptions, chromium, type Locator, type Page } from 'playwright-core';
import { expect } from 'vitest';

/** How long a story waits for what must happen, in milliseconds. */
const patienceMs = 20_000;

const switches = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** Starts Debian's Chromium. A machine without it fails here: these stories need a real browser. */
export function launchBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: switches });
}

export interface ShownMessage {
  readonly role: string | null;
  readonly nonce: string | null;
  readonly text: string;
}

/** One person's device: a browser context of its own, with the page open at a chat. */
export class Device {
  readonly page: Page;

  constructor(page: Page) {
    this.page = page;
  }

  /** @param address The page's address, to which the chat is added. */
  static async open(
    browser: Browser,
    address: string,
    chatId: string,
    options?: BrowserContextOptions,
  ): Promise<Device> {
    const context = await browser.newContext(options);
    const device = new Device(await context.newPage());
    const url = new URL(address);
    url.searchParams.set('chat', chatId);
    await device.page.goto(url.href);
    await device.shows('connection', 'connected');
    return device;
  }

  async send(text: string): Promise<void> {
    await this.page.getByRole('textbox', { name: 'Message' }).fill(text);
    await this.press('Send');
  }

  /** Sends, and presses Stop in the moment in which that button comes: before the server can have answered. */
  async sendAndStop(text: string): Promise<void> {
    await this.page.getByRole('textbox', { name: 'Message' }).fill(text);
    await this.page.evaluate(async () => {
      const button = (label: string): HTMLButtonElement | undefined =>
        [...document.querySelectorAll('button')].find(({ textContent }) => textContent === label);
      const stop = new Promise<HTMLButtonElement>((resolve) => {
        new MutationObserver((_, observer) => {
          const shown = button('Stop');
          if (!shown) return;
          observer.disconnect();
          resolve(shown);
        }).observe(document.body, { childList: true, subtree: true });
      });
      button('Send')?.click();
      (await stop).click();
    });
  }

  /** Adds a text to the answer that is being written. */
  async steer(text: string): Promise<void> {
    await this.page.getByRole('textbox', { name: 'Message' }).fill(text);
    await this.press('Steer');
  }

  /**
   * Gives the page a clock of its own, which runs on from here and which the story can set and move. The page is loaded
   * again: what it began before would go by the browser's clock.
   */
  async takeClock(): Promise<void> {
    await this.page.clock.install();
    await this.page.reload();
    await this.shows('connection', 'connected');
  }

  press(button: string): Promise<void> {
    return this.page.getByRole('button', { name: button, exact: true }).click();
  }

  /** Changes the text of the message that contains `text`, and sends it. */
  async edit(text: string, changed: string): Promise<void> {
    await this.pressAt(text, 'Edit');
    await this.page.getByRole('textbox', { name: 'Edit message' }).fill(changed);
    await this.press('Send edit');
  }

  /** Presses a button that belongs to the newest message of a person with this text. */
  async pressAt(text: string, button: string): Promise<void> {
    const row = this.page
      .locator('.row[data-role="user"]', { has: this.page.getByTestId('message').filter({ hasText: text }) })
      .last();
    await row.getByRole('button', { name: button, exact: true }).click();
  }

  /** A call of a tool, counted from 0. */
  tool(index: number): Locator {
    return this.page.getByTestId('tool').nth(index);
  }

  /** Waits until the calls of tools are in these states. */
  async showsTools(...states: readonly string[]): Promise<void> {
    const shown = (): Promise<(string | null)[]> =>
      this.page.getByTestId('tool').evaluateAll((tools) => tools.map((tool) => tool.getAttribute('data-state')));
    await expect.poll(shown, { timeout: patienceMs, message: 'tools' }).toEqual(states);
  }

  /** Waits until what became of a message is shown below it. */
  async marked(mark: string | RegExp): Promise<void> {
    await expect
      .poll(() => this.marks(), { timeout: patienceMs, message: 'what became of the messages' })
      .toContainEqual(typeof mark === 'string' ? mark : expect.stringMatching(mark));
  }

  /** What became of the messages, as it is shown below them. */
  marks(): Promise<string[]> {
    return this.page
      .getByTestId('mark')
      .evaluateAll((elements) => elements.map((element) => element.querySelector('p')?.textContent?.trim() ?? ''));
  }

  /** Sets switches of the panel that breaks things, and waits until the server has confirmed each of them. */
  async breaks(...labels: string[]): Promise<void> {
    await this.press('Break');
    for (const label of labels) {
      const input = this.page.getByLabel(label);
      await input.click();
      await expect.poll(() => input.isChecked(), { timeout: patienceMs, message: label }).toBe(true);
    }
    await this.page.keyboard.press('Escape');
  }

  cut(kind: 'closed' | 'half-open'): Promise<void> {
    return this.breaks(kind === 'closed' ? 'Cut: connections are reset' : 'Half-open: nothing passes any more');
  }

  restore(): Promise<void> {
    return this.breaks('Online');
  }

  /** Waits until what is shown under a test id is `value`. */
  async shows(testId: 'connection' | 'path' | 'status', value: string, timeout: number = patienceMs): Promise<void> {
    await expect.poll(() => this.page.getByTestId(testId).textContent(), { timeout, message: testId }).toBe(value);
  }

  messages(): Promise<ShownMessage[]> {
    return this.page.getByTestId('message').evaluateAll((elements) =>
      elements.map((element) => ({
        role: element.getAttribute('data-role'),
        nonce: element.getAttribute('data-nonce'),
        text: element.textContent ?? '',
      })),
    );
  }

  /** The newest answer's text; empty while there is none. */
  async answer(): Promise<string> {
    const last = (await this.messages()).at(-1);
    return last?.role === 'assistant' ? last.text : '';
  }

  /** Waits until the newest answer has at least `length` characters. */
  async reads(length: number): Promise<void> {
    await expect
      .poll(async () => (await this.answer()).length, { timeout: patienceMs, message: 'the answer' })
      .toBeGreaterThanOrEqual(length);
  }

  /** Waits until the newest answer contains `text`. */
  async readsText(text: string): Promise<void> {
    await expect.poll(() => this.answer(), { timeout: patienceMs, message: 'the answer' }).toContain(text);
  }
}

/** Waits until both devices are ready and show the same messages; answers them. */
export async function sameOnBoth(one: Device, two: Device, timeout: number = patienceMs): Promise<ShownMessage[]> {
  await one.shows('status', 'ready', timeout);
  await two.shows('status', 'ready', timeout);
  await expect
    .poll(async () => ({ one: await one.messages(), two: await two.messages() }), { timeout })
    .toSatisfy(({ one, two }: { one: unknown; two: unknown }) => JSON.stringify(one) === JSON.stringify(two));
  return one.messages();
}
