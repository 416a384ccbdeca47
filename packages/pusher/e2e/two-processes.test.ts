import { FaultProxy } from '@chat-transport/contract';
import { defaultLeaseMs } from '@chat-transport/core/server';
import { type PusherApp, startRedis, startSoketi, until } from '@chat-transport/local-services';
import { expect, it, onTestFinished } from 'vitest';
import { openPage, type Page } from '../test/support/chat-app.ts';
import { type ServerProcess, spawnServer } from './support/spawn-server.ts';

/** Two server processes on one Redis and one Pusher, and pages that reach one of them. */
async function stage({ leaseMs = defaultLeaseMs } = {}) {
  const [soketi, redis] = await Promise.all([startSoketi(), startRedis()]);
  onTestFinished(async () => {
    await Promise.all([soketi.close(), redis.close()]);
  });
  const app = soketi.apps[0] as PusherApp;
  const setup = { redisUrl: redis.url, app, apiPort: soketi.port, leaseMs };
  const [writer, other] = await Promise.all([spawnServer(setup), spawnServer(setup)]);
  const proxy = await FaultProxy.start(soketi.port);
  onTestFinished(() => proxy.close());
  return {
    ...{ writer, other, redis },
    /** Takes Pusher from the pages that were opened with `mayLose`. */
    proxy,
    async open(server: ServerProcess, mayLose = false): Promise<Page> {
      const page = openPage({
        ...{ api: server.api, app },
        socketHost: mayLose ? proxy.host : `127.0.0.1:${soketi.port}`,
        transport: { timings: { graceMs: 150, silenceMs: 400 } },
      });
      onTestFinished(() => page.close());
      await reaches(page, 'realtime');
      return page;
    },
  };
}

async function reaches(page: Page, ...paths: unknown[]): Promise<void> {
  const { getSnapshot } = page.transport.connection('c');
  await until(`the path ${paths.join(' or ')}`, () => paths.includes(getSnapshot().path), getSnapshot);
}

async function shows({ chat }: Page, text: string): Promise<void> {
  await until(
    `"${text}"`,
    () => chat.text === text,
    () => chat.seen,
  );
}

it('serves a run of one process from the other: live, over SSE, to a page that reloads, with stop', async () => {
  const { writer, other, proxy, open } = await stage();
  const [sender, watcher] = [await open(writer), await open(other, true)];
  const done = sender.chat.sendMessage({ text: 'hi' });
  await until('a call of the model', () => writer.told.includes('called'));
  writer.say('one ');
  await shows(watcher, 'one ');

  proxy.cut();
  await reaches(watcher, 'sse');
  writer.say('two ');
  await shows(watcher, 'one two ');
  proxy.restore();
  await reaches(watcher, 'realtime');
  writer.say('three ');
  await shows(watcher, 'one two three ');

  const reloaded = await open(other);
  const resumed = reloaded.chat.resumeStream();
  await shows(reloaded, 'one two three ');

  await watcher.chat.stop();
  await until('a stopped model', () => writer.told.includes('aborted'));
  await Promise.all([done, resumed]);
  for (const page of [watcher, reloaded]) {
    await until(
      'an idle page',
      () => page.chat.isIdle,
      () => page.chat.seen,
    );
    expect(page.chat.texts).toEqual(sender.chat.texts);
  }
  expect(sender.chat.texts).toEqual(['user: hi', 'assistant: one two three ']);
  expect([writer.told, other.told]).toEqual([['ready', 'called', 'aborted'], ['ready']]);
});

it('steers a run of one process through the other', async () => {
  const { writer, other, open } = await stage();
  const [sender, watcher] = [await open(writer), await open(other)];
  const done = sender.chat.sendMessage({ text: 'hi' });
  await until('a call of the model', () => writer.told.includes('called'));
  writer.say('one ');
  await shows(watcher, 'one ');
  const steered = watcher.transport.steer({ chatId: 'c', text: 'steer: shorter' });
  await until('the message over there', () => writer.told.includes('steered'));
  writer.say(null);
  expect(await steered).toEqual({ outcome: 'delivered' });
  await done;
  await until(
    'an idle page',
    () => watcher.chat.isIdle,
    () => watcher.chat.seen,
  );
  for (const { chat } of [sender, watcher]) expect(chat.text).toBe('one |heard steer: shorter');
});

it('ends a run whose process was killed, and the other process answers the next message', async () => {
  const { writer, other, open } = await stage({ leaseMs: 2_000 });
  const [sender, watcher] = [await open(writer), await open(other)];
  void sender.chat.sendMessage({ text: 'hi' });
  await until('a call of the model', () => writer.told.includes('called'));
  writer.say('half ');
  await shows(watcher, 'half ');
  await writer.kill();
  await until(
    'an end',
    () => watcher.chat.isIdle,
    () => watcher.chat.seen,
  );
  expect(watcher.chat.error).toMatchObject({ code: 'lost' });
  const next = watcher.chat.sendMessage({ text: 'again' });
  await until('a call of the model', () => other.told.includes('called'));
  other.say('whole');
  other.say(null);
  await next;
  expect(watcher.chat.texts).toEqual(['user: hi', 'assistant: half ', 'user: again', 'assistant: whole']);
});

it('goes on where it was when Redis was killed in mid-answer', async () => {
  const { writer, other, redis, open } = await stage();
  const [sender, watcher] = [await open(writer), await open(other)];
  const done = sender.chat.sendMessage({ text: 'hi' });
  await until('a call of the model', () => writer.told.includes('called'));
  writer.say('one ');
  await shows(watcher, 'one ');
  await redis.kill();
  writer.say('two ');
  await redis.start();
  await shows(watcher, 'one two ');
  writer.say('three');
  writer.say(null);
  await done;
  expect(sender.chat.texts).toEqual(['user: hi', 'assistant: one two three']);
  await until(
    'an idle page',
    () => watcher.chat.isIdle,
    () => watcher.chat.seen,
  );
  expect(watcher.chat.texts).toEqual(sender.chat.texts);
});
