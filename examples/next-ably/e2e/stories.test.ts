import {
  type AblyEmulator,
  freePort,
  type RedisServer,
  startAblyEmulator,
  startRedis,
} from '@chat-transport/local-services';
import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { type NextServer, startNext } from '../scripts/next-server.ts';
import { Device, launchBrowser } from './device.ts';

let emulator: AblyEmulator;
let redis: RedisServer;
/** Two server processes, as a platform of functions has many. */
let servers: NextServer[] = [];
let browser: Browser;

beforeAll(async () => {
  [emulator, redis, browser] = await Promise.all([startAblyEmulator(), startRedis(), launchBrowser()]);
  servers = await Promise.all(
    [1, 2].map(async () => startNext({ emulator, redisUrl: redis.url, port: await freePort() })),
  );
});
afterEach(() => Promise.all(browser.contexts().map((context) => context.close())));
afterAll(async () => {
  await Promise.all([browser?.close(), ...servers.map((server) => server.close())]);
  await Promise.all([emulator?.close(), redis?.close()]);
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

it('goes on when Ably is killed in mid-answer, and returns to it', async () => {
  const both = await devices();
  await both.asking.send('hello');
  await both.watching.reads(' 10 ');
  await emulator.kill();
  await both.watching.shows('path', 'sse', 'poll');
  await both.watching.reads(' 40 ');
  await emulator.start();
  await both.watching.shows('path', 'realtime');
  const messages = await sameOnBoth(both);
  expect(messages).toHaveLength(2);
  expect(messages[1]?.endsWith(`:${whole}`)).toBe(true);
});

it('goes on over HTTP without a network for Ably, and all is told in one conversation: reload, stop on the other device, a restart', async () => {
  const both = await devices();
  await both.asking.send('first');
  await both.watching.reads(' 10 ');
  await both.asking.page.reload();
  await both.asking.reads(' 20 ');
  await emulator.kill();
  await both.watching.reads(' 40 ');
  await emulator.start();
  await both.watching.reads(' 60 ');
  await both.watching.press('Stop');
  const stopped = await sameOnBoth(both);
  expect(stopped).toHaveLength(2);
  expect(stopped[1]).not.toContain(' 100');
  await both.watching.send('second');
  await both.asking.reads('“second”');
  const messages = await sameOnBoth(both);
  expect(messages).toHaveLength(4);
  expect(messages[3]?.endsWith(`:${whole}`)).toBe(true);
});

it.each([-20, 20])('works on a device whose clock is %i minutes off', async (minutes) => {
  const path = `/chat/${crypto.randomUUID()}`;
  const watching = await Device.open(browser, `${servers[0]?.url}${path}`, { clockOffsetMs: minutes * 60_000 });
  const asking = await Device.open(browser, `${servers[1]?.url}${path}`);
  await asking.send('hello');
  await watching.reads(' 10 ');
  await watching.shows('path', 'realtime');
  await sameOnBoth({ asking, watching });
});
