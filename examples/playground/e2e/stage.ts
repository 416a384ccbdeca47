import type { Browser, BrowserContextOptions } from 'playwright-core';
import { afterAll, afterEach, beforeAll } from 'vitest';
import { Device, launchBrowser } from './device.ts';
import { type PlaygroundServer, startServer } from './playground-server.ts';

/** A server and a browser for the stories of one file. */
export interface Stage {
  readonly server: PlaygroundServer;
  /** A chat id that no other story uses. */
  chatId(): string;
  /** @param address The page's address, where it is not the playground's own. */
  open(chatId: string, options?: BrowserContextOptions, address?: string): Promise<Device>;
}

/** Sets a stage up for the file, or for the stories of a `describe`, and clears it after each story. `env` are settings of the server. */
export function setStage(env?: Record<string, string>): Stage {
  let server: PlaygroundServer | undefined;
  let browser: Browser | undefined;

  beforeAll(async () => {
    [server, browser] = await Promise.all([startServer(env), launchBrowser()]);
  });
  afterEach(async () => {
    await Promise.all((browser?.contexts() ?? []).map((context) => context.close()));
  });
  afterAll(async () => {
    await Promise.all([server?.close(), browser?.close()]);
  });

  return {
    get server() {
      if (!server) throw new Error('The server has not started.');
      return server;
    },
    chatId: () => `story-${crypto.randomUUID()}`,
    open(chatId, options, address = server?.url) {
      if (!address || !browser) throw new Error('The stage has not been set up.');
      return Device.open(browser, address, chatId, options);
    },
  };
}
