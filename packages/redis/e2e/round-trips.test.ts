import { ScriptedModel } from '@chat-transport/contract';
import { createChatHandler } from '@chat-transport/core/server';
import { until } from '@chat-transport/local-services';
import { expect, it, onTestFinished } from 'vitest';
import { script } from '../src/script-runner.ts';
import { append } from '../src/scripts/write-script.ts';
import { begin, frame } from './support/runs.ts';
import { clientOf, logOn, monitored, redis } from './support/stage.ts';

it('sends one command per flushed frame while an answer streams', async () => {
  const { url } = await redis();
  const log = await logOn(url);
  let appends = 0;
  const counted = {
    ...log,
    async append(...parameters: Parameters<typeof log.append>) {
      const news = await log.append(...parameters);
      appends += 1;
      return news;
    },
  };
  const model = new ScriptedModel();
  const handler = createChatHandler({
    ...{ log: counted, authorize: () => true, respond: model.respond },
    ...{ leaseMs: 120_000, renewEveryMs: 60_000 },
  });
  onTestFinished(() => handler.runtime.close());
  const messages = [{ id: 'm1', role: 'user', parts: [{ type: 'text', text: 'hi' }] }];
  const sent = await handler(
    new Request('http://localhost/api/chat', {
      ...{ method: 'POST', headers: { 'content-type': 'application/json' } },
      body: JSON.stringify({ id: 'c1', messages }),
    }),
  );
  void sent.body?.pipeTo(new WritableStream());
  const call = await model.call();
  await until('the first frame', () => appends > 0);
  const monitor = await monitored(url);
  await monitor.settled();

  const [before, seen] = [appends, monitor.commands.length];
  for (let sentence = 0; sentence < 40; sentence += 1) {
    const written = appends;
    call.say(`sentence ${sentence} `);
    call.paragraph();
    await until('the next frame', () => appends > written);
    await call.drained();
  }
  const isAppend = (command: string): boolean => command.startsWith(`"EVALSHA" "${script(append).sha}"`);
  // Redis may have shown an append that the writer has not had the reply of yet.
  await until('a writer at rest', async () => {
    const count = appends;
    await monitor.settled();
    return count === appends && monitor.commands.slice(seen).filter(isAppend).length <= appends - before;
  });
  const commands = monitor.commands.slice(seen);
  expect(appends - before).toBeGreaterThanOrEqual(40);
  expect(commands.filter(isAppend)).toHaveLength(appends - before);
  // Once in the life of the response its process asks who lost access, and waits for news of it.
  expect(commands.filter((command) => !isAppend(command)).length).toBeLessThanOrEqual(3 + 1);
});

it('asks nothing while it waits: not for commands, not for frames, not for the next run', async () => {
  const { url } = await redis();
  const [log, other] = [await logOn(url), await logOn(url)];
  const run = await begin(log);
  const wait = (waitMs: number): Promise<unknown> =>
    Promise.all([
      log.waitForCommand(run, run.fence, { waitMs }),
      ...[1, 2, 3].map(() => other.read(run, { from: 0, waitMs })),
      other.state(run.chatId, { after: 1, waitMs }),
    ]);
  await wait(0);
  const monitor = await monitored(url);
  await wait(1_000);
  await monitor.settled();
  const looks = monitor.commands.filter((command) => command.startsWith('"EVALSHA"'));
  // Each looks, subscribes, looks once more as it may have missed something, and a last time when its waiting is over.
  expect(looks).toHaveLength(5 * 3);
  // And each log's own pulse.
  expect(monitor.commands.filter((command) => command.startsWith('"subscribe"'))).toHaveLength(3 + 2);
});

it('waits for a hundred chats on one connection, and lets go of chats that nobody waits for', async () => {
  const { url } = await redis();
  const log = await logOn(url);
  const observer = await clientOf(url);
  const before = (await observer.clientList()).length;
  const abort = new AbortController();
  const runs = await Promise.all(Array.from({ length: 100 }, () => begin(log)));
  const waits = runs.map((run) => log.read(run, { from: 0, waitMs: 60_000, signal: abort.signal }).catch(() => 'over'));
  await until('a hundred subscriptions', async () => (await observer.pubSubChannels()).length === 200 + 1);
  expect(await observer.clientList()).toHaveLength(before + 1);
  await log.append(runs[7] as never, runs[7]?.fence ?? '', frame(0, 'a'));
  expect(await waits[7]).toMatchObject({ frames: [frame(0, 'a')] });
  abort.abort();
  await Promise.all(waits);
  await until('no subscription but the pulse', async () => (await observer.pubSubChannels()).length === 1);
});

it('goes on when Redis has forgotten its scripts', async () => {
  const { url } = await redis();
  const log = await logOn(url);
  const run = await begin(log);
  await (await clientOf(url)).scriptFlush();
  expect(await log.append(run, run.fence, frame(0, 'a'))).toEqual({ commands: [], cursor: 0 });
});
