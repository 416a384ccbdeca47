import { ScriptedModel } from '@chat-transport/contract';
import { memoryLog } from '@chat-transport/core/memory';
import { type PusherApp, startSoketi, until } from '@chat-transport/local-services';
import type { Options } from 'pusher-js';
import { expect, it, onTestFinished } from 'vitest';
import { openPage, serveChat } from './support/chat-app.ts';
import { startHttpFront } from './support/http-front.ts';

type Transports = NonNullable<Options['enabledTransports']>;

async function stage() {
  const soketi = await startSoketi();
  onTestFinished(() => soketi.close());
  const app = soketi.apps[0] as PusherApp;
  const model = new ScriptedModel();
  const chats = await serveChat({ app, apiPort: soketi.port, log: memoryLog(), respond: model.respond });
  onTestFinished(() => chats.close());
  return { soketi, app, model, api: chats.api };
}

it.each(['xhr_streaming', 'xhr_polling'] as const)('brings the answer over Pusher’s own %s', async (transport) => {
  const { soketi, app, model, api } = await stage();
  const front = await startHttpFront(app.key, soketi.port);
  onTestFinished(() => front.close());
  const enabledTransports: Transports = [transport];
  const [sender, watcher] = [1, 2].map(() => {
    const page = openPage({ api, app, socketHost: front.host, pusher: { enabledTransports } });
    onTestFinished(() => page.close());
    return page;
  });
  if (!sender || !watcher) throw new Error('There are no pages.');
  for (const { transport: each } of [sender, watcher]) {
    const { getSnapshot } = each.connection('c');
    await until('realtime', () => getSnapshot().path === 'realtime', getSnapshot, 30_000);
  }
  const done = sender.chat.sendMessage({ text: 'hi' });
  const call = await model.call();
  for (let index = 0; index < 20; index += 1) {
    call.say(`${index} `);
    await until(
      'the word',
      () => watcher.chat.text.endsWith(`${index} `),
      () => watcher.chat.seen,
    );
  }
  call.finish();
  await done;
  await until('an idle device', () => watcher.chat.isIdle);
  expect(watcher.chat.texts).toEqual(sender.chat.texts);
  expect(front.requests.some((each) => each.includes(`/${transport === 'xhr_polling' ? 'xhr' : transport}?`))).toBe(
    true,
  );
  expect(watcher.transport.connection('c').getSnapshot().path).toBe('realtime');
});

it('brings the answer over the chat server where nothing of Pusher gets through', async () => {
  const { soketi, app, model, api } = await stage();
  // soketi has no such address.
  const enabledTransports: Transports = ['xhr_streaming'];
  const page = openPage({ api, app, socketHost: `127.0.0.1:${soketi.port}`, pusher: { enabledTransports } });
  onTestFinished(() => page.close());
  const done = page.chat.sendMessage({ text: 'hi' });
  const call = await model.call();
  call.say('all the same');
  call.finish();
  await done;
  expect(page.chat.texts).toEqual(['user: hi', 'assistant: all the same']);
});
