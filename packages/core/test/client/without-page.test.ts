import { join } from 'node:path';
import { createContext, Script } from 'node:vm';
import type { Chat } from '@ai-sdk/react';
import { build } from 'esbuild';
import { expect, it } from 'vitest';
import type { RealtimeChatTransport, syncChat, wakeUp } from '../../src/index.ts';
import { texts, until, World } from '../support/world.ts';

interface App {
  readonly RealtimeChatTransport: typeof RealtimeChatTransport;
  readonly syncChat: typeof syncChat;
  readonly wakeUp: typeof wakeUp;
  readonly Chat: typeof Chat;
}

/**
 * The globals of an app in React Native with Expo, besides those of the language: no `document`, `location`, storage, `BroadcastChannel` or
 * `crypto`, and a `window` that has no events. `fetch` is passed to the transport.
 */
function globalsOfAnApp(): object {
  const { setTimeout, clearTimeout, setInterval, clearInterval, queueMicrotask, structuredClone, performance } =
    globalThis;
  const { AbortController, AbortSignal, DOMException, Event, EventTarget, Headers, Request, Response } = globalThis;
  const { ReadableStream, TransformStream, WritableStream, TextDecoderStream, TextEncoderStream } = globalThis;
  const { TextDecoder, TextEncoder, URL, URLSearchParams, console } = globalThis;
  return {
    ...{ setTimeout, clearTimeout, setInterval, clearInterval, queueMicrotask, structuredClone, performance },
    ...{ AbortController, AbortSignal, DOMException, Event, EventTarget, Headers, Request, Response },
    ...{ ReadableStream, TransformStream, WritableStream, TextDecoderStream, TextEncoderStream },
    ...{ TextDecoder, TextEncoder, URL, URLSearchParams, console },
    navigator: { product: 'ReactNative' },
  };
}

/** The client, bundled as for an app and run where only an app's globals are: reading any other one is a ReferenceError. */
async function startApp(): Promise<App> {
  const { outputFiles } = await build({
    stdin: {
      contents: `export { RealtimeChatTransport, syncChat, wakeUp } from './index.ts'; export { Chat } from '@ai-sdk/react';`,
      resolveDir: join(import.meta.dirname, '../../src'),
    },
    ...{ bundle: true, write: false, format: 'iife', globalName: 'app', platform: 'neutral', logLevel: 'error' },
    mainFields: ['react-native', 'module', 'main'],
    conditions: ['react-native', '@chat-transport/source'],
    define: { 'process.env.NODE_ENV': '"production"' },
  });
  const context = createContext(globalsOfAnApp()) as { window?: object; app?: App };
  new Script('globalThis.window = globalThis').runInContext(context);
  new Script(outputFiles[0]?.text ?? '').runInContext(context);
  return context.app as App;
}

it('sends, follows, wakes up and stops where there is no page', async () => {
  const { RealtimeChatTransport, syncChat, wakeUp, Chat } = await startApp();
  const world = new World();
  const watching = world.device().synced('c');
  const { network } = world.device();
  const fetch = network.fetch(() => world.handler);
  const transport = new RealtimeChatTransport({ api: 'http://test.local/api/chat', fetch });
  const chat = new Chat({ id: 'c', transport });
  const synced = syncChat(chat, transport);
  void chat.sendMessage({ text: 'hi' });
  const call = await world.model.call();
  call.say('first words ');
  await until(() => texts(chat).at(-1) === 'assistant: first words ');

  // The app was in the background, and its connections died. By itself it would wait, longer after each failure.
  network.cutHttp();
  await until(() => network.requests.length > 4);
  network.http = 'up';
  wakeUp();
  call.say('more ');
  await until(() => texts(chat).at(-1) === 'assistant: first words more ');
  await synced.stop();
  await until(() => watching.status === 'ready');
  expect(texts(watching)).toEqual(texts(chat));
  synced();
  transport.close();
});
