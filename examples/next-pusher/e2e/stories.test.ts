import { randomBytes } from 'node:crypto';
import type { ChatStateView } from '@chat-transport/core/server';
import { describeStories, wholeCount } from '@chat-transport/example-support/stories';
import { startRedis, startSoketi } from '@chat-transport/local-services';
import { expect, it } from 'vitest';
import { startExample } from '../scripts/next-server.ts';

const stage = describeStories('the Pusher server', async () => {
  const continueSecret = randomBytes(32).toString('hex');
  const [soketi, redis] = await Promise.all([startSoketi(), startRedis()]);
  return {
    realtime: soketi,
    startServer: (port) => startExample({ port, soketi, redisUrl: redis.url, continueSecret }),
    close: () => Promise.all([soketi.close(), redis.close()]),
  };
});

it('goes on in the next function when one comes to its time limit, and no device sees where', async () => {
  const both = await stage.devices();
  await both.asking.send('Read 3 pages');
  await both.watching.reads('Page 2 ');
  // A reload in the middle reads what several functions have written.
  await both.watching.page.reload();
  const [, answer = ''] = await stage.sameOnBoth(both);
  const pages = answer.split(/Page \d+ \([0-9a-f]{8}\):/);
  expect(pages).toEqual(['assistant: ', wholeCount, wholeCount, `${wholeCount}That was all of it, 3 pages.`]);

  const { pathname } = new URL(both.asking.page.url());
  const response = await fetch(`${stage.servers[1].url}/api${pathname}`);
  const { runs = [] } = (await response.json()) as ChatStateView;
  expect(runs).toEqual([expect.objectContaining({ end: expect.objectContaining({ reason: 'finish' }) })]);
  expect(runs[0]?.attempt).toBeGreaterThan(2);
});
