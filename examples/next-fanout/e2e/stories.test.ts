import { FaultProxy } from '@chat-transport/contract';
import { Device } from '@chat-transport/example-support/device';
import { describeStories, type TwoDevices, wholeCount } from '@chat-transport/example-support/stories';
import { startPushpin, startRedis } from '@chat-transport/local-services';
import type { Page } from 'playwright-core';
import { expect, it } from 'vitest';
import { startExample } from '../scripts/next-server.ts';

const stage = describeStories('Pushpin', async () => {
  const appPorts: number[] = [];
  let connections = 0;
  // Each new connection of the proxy goes to the next process: no two requests of a device need to meet the same one.
  const balancer = await FaultProxy.start(() => appPorts[connections++ % appPorts.length] ?? 1);
  const [pushpin, redis] = await Promise.all([startPushpin(balancer.port), startRedis()]);
  const proxyUrl = `http://127.0.0.1:${pushpin.port}`;
  return {
    realtime: Object.assign(pushpin, { proxyUrl }),
    async startServer(port) {
      const server = await startExample({ port, gripUrl: pushpin.gripUrl, proxyUrl, redisUrl: redis.url });
      appPorts.push(port);
      return server;
    },
    newChat: async () => ({ id: newChatId('ann'), signIn: signInAs('ann') }),
    close: () => Promise.all([pushpin.close(), balancer.close(), redis.close()]),
  };
});

it('keeps one conversation through a reload, a restart of Pushpin, and a second answer that the other device stops', async () => {
  const both = await stage.devices();
  await both.asking.send('first');
  await both.watching.reads(' 10 ');
  await both.asking.page.reload();
  await both.asking.reads(' 20 ');
  await stage.realtime.kill();
  await both.watching.reads(' 40 ');
  await stage.realtime.start();
  const messages = await stage.sameOnBoth(both);
  expect(messages).toHaveLength(2);
  expect(messages[1]?.endsWith(`:${wholeCount}`)).toBe(true);
  await stopsOnTheOther(both);
});

it('goes on after a restart of Pushpin in mid-answer when the whole app is behind it', async () => {
  const address = `${stage.realtime.proxyUrl}/chat/${newChatId('ann')}`;
  const open = (): Promise<Device> => Device.open(stage.browser, address, { signIn: signInAs('ann') });
  const [asking, watching] = await Promise.all([open(), open()]);
  await asking.send('first');
  await watching.reads(' 10 ');
  await stage.realtime.kill();
  await stage.realtime.start();
  await asking.page.reload();
  await asking.reads(' 90 ');
  const messages = await stage.sameOnBoth({ asking, watching });
  expect(messages).toHaveLength(2);
  expect(messages[1]?.endsWith(`:${wholeCount}`)).toBe(true);
  await stopsOnTheOther({ asking, watching });
});

it('keeps a stranger out, who has signed in and knows the address', async () => {
  const both = await stage.devices();
  const page = await (await stage.browser.newContext()).newPage();
  await page.goto(both.asking.page.url());
  await signInAs('bob')(page);
  await both.asking.send('secret');
  const [, answer] = await stage.sameOnBoth(both);
  expect(answer?.endsWith(`:${wholeCount}`)).toBe(true);
  await page.getByTestId('connection').getByText('refused').waitFor();
  expect(await page.getByTestId('message').count()).toBe(0);
  expect(await page.textContent('body')).not.toContain('secret');
});

/** Asks the second question, and stops its answer on the device that watches. */
async function stopsOnTheOther(both: TwoDevices): Promise<void> {
  await both.asking.send('count to 600');
  await both.watching.reads('“count to 600”');
  await both.watching.press('Stop');
  const stopped = await stage.sameOnBoth(both);
  expect(stopped).toHaveLength(4);
  expect(stopped.at(-1)).not.toContain(' 599');
}

function newChatId(user: string): string {
  return `${user}-${crypto.randomUUID()}`;
}

function signInAs(user: string): (page: Page) => Promise<void> {
  return async (page) => {
    await page.getByRole('textbox', { name: 'Name' }).fill(user);
    await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  };
}
