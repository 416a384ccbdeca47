import { Device } from '@chat-transport/example-support/device';
import { describeStories, wholeCount } from '@chat-transport/example-support/stories';
import { startAblyEmulator, startRedis } from '@chat-transport/local-services';
import { expect, it } from 'vitest';
import { startExample } from '../scripts/next-server.ts';

const stage = describeStories('Ably', async () => {
  const [emulator, redis] = await Promise.all([startAblyEmulator(), startRedis()]);
  return {
    realtime: emulator,
    startServer: (port) => startExample({ port, emulator, redisUrl: redis.url }),
    close: () => Promise.all([emulator.close(), redis.close()]),
  };
});

it('keeps one conversation through a reload, a restart of Ably, a stop on the other device, and a second question', async () => {
  const both = await stage.devices();
  await both.asking.send('count to 600');
  await both.watching.reads(' 10 ');
  await both.asking.page.reload();
  await both.asking.reads(' 20 ');
  await stage.realtime.kill();
  await both.watching.reads(' 40 ');
  await stage.realtime.start();
  await both.watching.reads(' 60 ');
  await both.watching.press('Stop');
  const stopped = await stage.sameOnBoth(both);
  expect(stopped).toHaveLength(2);
  expect(stopped[1]).not.toContain(' 599');
  await both.watching.send('second');
  await both.asking.reads('“second”');
  const messages = await stage.sameOnBoth(both);
  expect(messages).toHaveLength(4);
  expect(messages[3]?.endsWith(`:${wholeCount}`)).toBe(true);
});

it.each([-20, 20])('works on a device whose clock is %i minutes off', async (minutes) => {
  const path = `/chat/${crypto.randomUUID()}`;
  const { browser } = stage;
  const [one, other] = stage.servers;
  const watching = await Device.open(browser, `${one.url}${path}`, { clockOffsetMs: minutes * 60_000 });
  const asking = await Device.open(browser, `${other.url}${path}`);
  await asking.send('hello');
  await watching.reads(' 10 ');
  await watching.shows('path', 'realtime');
  await stage.sameOnBoth({ asking, watching });
});
