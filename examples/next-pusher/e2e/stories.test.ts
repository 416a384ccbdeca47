import {
  freePort,
  type PusherApp,
  type RedisServer,
  type SoketiServer,
  startRedis,
  startSoketi,
} from '@chat-transport/local-services';
import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { type NextServer, startNext } from '../scripts/next-server.ts';
import { Device, launchBrowser } from './device.ts';

let soketi: SoketiServer;
let redis: RedisServer;
/** Two server processes, as a platform of functions has many. */
let servers: NextServer[] = [];
let browser: Browser;

beforeAll(async () => {
  [soketi, redis, browser] = await Promise.all([startSoketi(), startRedis(), launchBrowser()]);
  const common = { app: soketi.apps[0] as PusherApp, pusherPort: soketi.port, redisUrl: redis.url };
  servers = await Promise.all([1, 2].map(async () => startNext({ ...common, port: await freePort() })));
});
afterEach(() => Promise.all(browser.contexts().map((context) => context.close())));
afterAll(async () => {
  await Promise.all([browser?.close(), ...servers.map((server) => server.close())]);
  await Promise.all([soketi?.close(), redis?.close()]);
});

/** Two devices on one chat, each served by another process. */
async function devices(): Promise<{ asking: Device; watching: Device }> {
  const path = `/chat/${crypto.randomUUID()}`;
  const [asking, watching] = await Promise.all(servers.map(({ url }) => Device.open(browser, url + path)));
  if (!asking || !watching) throw new Error('There are no servers.');
  return { asking, watching };
}

async function sameOnBoth({ asking, watching }: { asking: Device; watching: Device }): Promise<string[]> {
  await Promise.all([asking.shows('status', 'ready'), watching.shows('status', 'ready')]);
  const messages = await asking.messages();
  expect(await watching.messages()).toEqual(messages);
  expect([asking.errors, watching.errors]).toEqual([[], []]);
  return messages;
}

const whole = Array.from({ length: 100 }, (_, index) => ` ${index + 1}`).join('');

it('shows the same answer on two devices while it is written', async () => {
  const both = await devices();
  await both.asking.send('hello');
  await both.watching.reads(' 10 ');
  expect(await both.watching.page.getByTestId('status').textContent()).toBe('streaming');
  const messages = await sameOnBoth(both);
  expect(messages).toEqual(['user: hello', expect.stringMatching(/^assistant: “hello” \([0-9a-f]{8}\):/)]);
  expect(messages[1]?.endsWith(`:${whole}`)).toBe(true);
});

it.each(['asking', 'watching'] as const)('misses nothing when the %s device reloads in mid-sentence', async (which) => {
  const both = await devices();
  await both.asking.send('hello');
  await both[which].reads(' 20 ');
  await both[which].page.reload();
  await both[which].reads(' 21 ');
  const messages = await sameOnBoth(both);
  expect(messages).toHaveLength(2);
  expect(messages[1]?.endsWith(`:${whole}`)).toBe(true);
});

it('stops on the other device, for both', async () => {
  const both = await devices();
  await both.asking.send('hello');
  await both.watching.reads(' 10 ');
  await both.watching.press('Stop');
  const messages = await sameOnBoth(both);
  expect(messages).toHaveLength(2);
  expect(messages[1]).not.toContain(' 90 ');
});

it('goes on when the Pusher server is killed in mid-answer, and returns to it', async () => {
  const both = await devices();
  await both.asking.send('hello');
  await both.watching.reads(' 10 ');
  await soketi.kill();
  await both.watching.shows('path', 'sse', 'poll');
  await both.watching.reads(' 40 ');
  await soketi.start();
  await both.watching.shows('path', 'realtime');
  const messages = await sameOnBoth(both);
  expect(messages).toHaveLength(2);
  expect(messages[1]?.endsWith(`:${whole}`)).toBe(true);
});
