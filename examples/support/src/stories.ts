import { freePort } from '@chat-transport/local-services';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { Device, launchBrowser } from './device.ts';
import type { NextServer } from './next-server.ts';

/** The services of an example, on this machine. */
export interface ExampleServices<Realtime> {
  /** The realtime service, which the stories kill and start again. */
  readonly realtime: Realtime;
  /** Starts one server process of the example. */
  startServer(port: number): Promise<NextServer>;
  /** Makes a new chat. Needed where a chat's address alone does not let a device in. */
  newChat?(): Promise<NewChat>;
  close(): Promise<unknown>;
}

/** A chat that no device has opened yet. */
export interface NewChat {
  readonly id: string;
  /** What a person does on the page before the chat is there. */
  readonly signIn?: (page: Page) => Promise<void>;
}

/** Two devices on one chat, each served by another process. */
export interface TwoDevices {
  readonly asking: Device;
  readonly watching: Device;
}

/** What an example's own stories use. It can be read once the tests run. */
export interface Stage<Realtime> {
  readonly realtime: Realtime;
  readonly browser: Browser;
  /** Two server processes, as a platform of functions has many. */
  readonly servers: readonly [NextServer, NextServer];
  /** Opens a new chat on two devices. */
  devices(): Promise<TwoDevices>;
  /** Waits until both are ready, and returns the messages that both show. */
  sameOnBoth(both: TwoDevices): Promise<string[]>;
}

/** How the answer of the model that counts ends. */
export const wholeCount: string = Array.from({ length: 100 }, (_, index) => ` ${index + 1}`).join('');

/**
 * The stories that every Next.js example must pass: two devices, a reload, a stop on the other device, a realtime service that dies.
 * @param serviceName The realtime service, as the tests' titles name it.
 */
export function describeStories<Realtime extends { kill(): Promise<void>; start(): Promise<void> }>(
  serviceName: string,
  startServices: () => Promise<ExampleServices<Realtime>>,
): Stage<Realtime> {
  let services: ExampleServices<Realtime> | undefined;
  let browser: Browser | undefined;
  let servers: NextServer[] = [];

  beforeAll(async () => {
    [services, browser] = await Promise.all([startServices(), launchBrowser()]);
    const { startServer } = services;
    servers = await Promise.all([1, 2].map(async () => startServer(await freePort())));
  });
  afterEach(() => Promise.all((browser?.contexts() ?? []).map((context) => context.close())));
  afterAll(async () => {
    await Promise.all([browser?.close(), ...servers.map((server) => server.close())]);
    await services?.close();
  });

  const stage: Stage<Realtime> = {
    get realtime() {
      return started(services).realtime;
    },
    get browser() {
      return started(browser);
    },
    get servers() {
      return [started(servers[0]), started(servers[1])] as const;
    },
    async devices() {
      const chat: NewChat = (await started(services).newChat?.()) ?? { id: crypto.randomUUID() };
      const open = ({ url }: NextServer): Promise<Device> => Device.open(stage.browser, `${url}/chat/${chat.id}`, chat);
      const [asking, watching] = await Promise.all([open(stage.servers[0]), open(stage.servers[1])]);
      return { asking, watching };
    },
    async sameOnBoth({ asking, watching }) {
      await Promise.all([asking.shows('status', 'ready'), watching.shows('status', 'ready')]);
      // A device that has not heard of the run is ready as well, and one may be a moment behind the other.
      await expect
        .poll(async () => ({ asking: await asking.messages(), watching: await watching.messages() }))
        .toSatisfy(({ asking, watching }) => JSON.stringify(asking) === JSON.stringify(watching));
      const messages = await asking.messages();
      expect([asking.errors, watching.errors]).toEqual([[], []]);
      return messages;
    },
  };
  const { devices, sameOnBoth } = stage;

  it('shows the same answer on two devices while it is written', async () => {
    const both = await devices();
    await both.asking.send('hello');
    await both.watching.reads(' 10 ');
    expect(await both.watching.page.getByTestId('status').textContent()).toBe('streaming');
    const messages = await sameOnBoth(both);
    expect(messages).toEqual(['user: hello', expect.stringMatching(/^assistant: “hello” \([0-9a-f]{8}\):/)]);
    expect(messages[1]?.endsWith(`:${wholeCount}`)).toBe(true);
  });

  it.each(['asking', 'watching'] as const)(
    'misses nothing when the %s device reloads in mid-sentence',
    async (which) => {
      const both = await devices();
      await both.asking.send('hello');
      await both[which].reads(' 20 ');
      await both[which].page.reload();
      await both[which].reads(' 21 ');
      const messages = await sameOnBoth(both);
      expect(messages).toHaveLength(2);
      expect(messages[1]?.endsWith(`:${wholeCount}`)).toBe(true);
    },
  );

  it('stops on the other device, for both', async () => {
    const both = await devices();
    await both.asking.send('count to 600');
    await both.watching.reads(' 10 ');
    await both.watching.press('Stop');
    const messages = await sameOnBoth(both);
    expect(messages).toHaveLength(2);
    expect(messages[1]).not.toContain(' 599');
  });

  it(`goes on when ${serviceName} is killed in mid-answer, and returns to it`, async () => {
    const both = await devices();
    await both.asking.send('hello');
    await both.watching.reads(' 10 ');
    await stage.realtime.kill();
    await both.watching.shows('path', 'sse', 'poll');
    await both.watching.reads(' 40 ');
    await stage.realtime.start();
    await both.watching.shows('path', 'realtime');
    const messages = await sameOnBoth(both);
    expect(messages).toHaveLength(2);
    expect(messages[1]?.endsWith(`:${wholeCount}`)).toBe(true);
  });

  return stage;
}

function started<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('The stage is ready once the tests run.');
  return value;
}
