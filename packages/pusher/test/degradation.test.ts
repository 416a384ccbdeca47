import { FaultProxy, ScriptedModel } from '@chat-transport/contract';
import { memoryLog } from '@chat-transport/core/memory';
import { type SoketiServer, startSoketi, until } from '@chat-transport/local-services';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { type ChatApp, openPage, type Page, serveChat } from './support/chat-app.ts';
import { answers, type PusherApi, startPusherApi } from './support/pusher-api.ts';

const checkAfterMs = 200;
let soketi: SoketiServer;
beforeAll(async () => {
  soketi = await startSoketi();
});
afterAll(() => soketi.close());

/** A chat whose devices follow a Pusher that works, while its server publishes to one that does what the test wants. */
async function stage(
  apiPort: number,
): Promise<{ model: ScriptedModel; app: ChatApp; open(): Promise<Page>; failures: unknown[] }> {
  const [pusherApp] = soketi.apps;
  if (!pusherApp) throw new Error('soketi has no app.');
  const model = new ScriptedModel();
  const log = memoryLog();
  const failures: unknown[] = [];
  const app = await serveChat({
    ...{ app: pusherApp, apiPort, log, respond: model.respond },
    handler: {
      onEvent: (event) => {
        if (event.type === 'publish-failed') failures.push((event.error as { code?: string }).code);
      },
    },
  });
  onTestFinished(() => app.close());
  return {
    model,
    app,
    failures,
    async open() {
      const page = openPage({
        ...{ api: app.api, app: pusherApp, socketHost: `127.0.0.1:${soketi.port}` },
        transport: { checkAfterMs, timings: { silenceMs: 300 } },
      });
      onTestFinished(() => page.close());
      const { getSnapshot } = page.transport.connection('c');
      await until('realtime', () => getSnapshot().path === 'realtime', getSnapshot);
      return page;
    },
  };
}

async function isInStep(api: PusherApi, answer: PusherApi['answer'], code: string): Promise<void> {
  api.answer = answer;
  const { model, open, failures } = await stage(api.port);
  const [sender, watcher] = [await open(), await open()];
  const done = sender.chat.sendMessage({ text: 'hi' });
  const call = await model.call();
  call.say('one ');
  // The other device is told nothing, and its connection looks well: it asks.
  await until(
    'the answer’s beginning on the other device',
    () => watcher.chat.text === 'one ',
    () => watcher.chat.seen,
  );
  call.say('two');
  call.finish();
  await done;
  await until(
    'the answer on the other device',
    () => watcher.chat.isIdle,
    () => watcher.chat.seen,
  );
  expect(sender.chat.texts).toEqual(['user: hi', 'assistant: one two']);
  expect(watcher.chat.texts).toEqual(sender.chat.texts);
  await until('a report', () => failures.length > 0);
  expect(new Set(failures)).toEqual(new Set([code]));
}

describe('a Pusher that takes no messages', () => {
  it.each([
    ['the app is over its quota (403)', answers.overQuota, 'provider-failed'],
    ['every message is too large (413)', answers.tooLarge, 'too-large'],
    ['it fails (500)', answers.failed, 'provider-failed'],
  ] as const)('shows the answer on every device when %s', async (_, answer, code) => {
    const api = await startPusherApi();
    onTestFinished(() => api.close());
    await isInStep(api, answer, code);
  });

  it('shows the answer when the server cannot reach Pusher at all, or it does not answer', async () => {
    const api = await startPusherApi();
    onTestFinished(() => api.close());
    const proxy = await FaultProxy.start(api.port);
    onTestFinished(() => proxy.close());
    const { model, open } = await stage(proxy.port);
    const [sender, watcher] = [await open(), await open()];
    for (const [index, fail] of [() => proxy.cut(), () => proxy.freeze()].entries()) {
      proxy.restore();
      fail();
      const done = sender.chat.sendMessage({ text: `question ${index}` });
      const call = await model.call(index);
      call.say(`answer ${index}`);
      call.finish();
      await done;
      await until(
        'the answer on the other device',
        () => watcher.chat.text === `answer ${index}`,
        () => watcher.chat.seen,
      );
    }
    proxy.cut();
  });
});

it('answers in a page that Pusher does not let in', async () => {
  const [pusherApp] = soketi.apps;
  if (!pusherApp) throw new Error('soketi has no app.');
  const model = new ScriptedModel();
  const app = await serveChat({ app: pusherApp, apiPort: soketi.port, log: memoryLog(), respond: model.respond });
  onTestFinished(() => app.close());
  const events: string[] = [];
  const page = openPage({
    ...{ api: app.api, app: { ...pusherApp, key: 'unknown' }, socketHost: `127.0.0.1:${soketi.port}` },
    transport: { onEvent: (event) => events.push(event.type) },
  });
  onTestFinished(() => page.close());
  await until(
    'a refusal',
    () => events.includes('realtime-failed'),
    () => events,
  );
  const done = page.chat.sendMessage({ text: 'hi' });
  const call = await model.call();
  call.say('without it');
  call.finish();
  await done;
  expect(page.chat.texts).toEqual(['user: hi', 'assistant: without it']);
});
