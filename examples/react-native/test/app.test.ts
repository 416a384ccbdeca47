import { join } from 'node:path';
import { Chat } from '@ai-sdk/react';
import { syncChat } from '@chat-transport/core';
import { onWakeUp } from '@chat-transport/core/provider';
import { startNodeServer } from '@chat-transport/example-support/node-server';
import { fetch } from 'expo/fetch';
import { afterAll, beforeAll, expect, it, onTestFinished, vi } from 'vitest';
import { createAppTransport } from '../lib/chat-transport.ts';
import { moveTo } from './native-app-state.ts';

let server: Awaited<ReturnType<typeof startNodeServer>>;
beforeAll(async () => {
  server = await startNodeServer({
    file: join(import.meta.dirname, '../../express/server.ts'),
    page: import.meta.dirname,
  });
});
afterAll(() => server?.close());

function openApp(id: string) {
  const transport = createAppTransport(`${server.url}/api/chat`);
  const chat = new Chat({ id, transport });
  const synced = syncChat(chat, transport);
  onTestFinished(() => {
    synced();
    transport.close();
  });
  const shown = (): string =>
    chat.messages.map(({ parts }) => parts.map((part) => (part.type === 'text' ? part.text : '')).join('')).join('\n');
  const shows = (text: string) => vi.waitFor(() => expect(shown()).toContain(text), { timeout: 30_000 });
  return { transport, chat, synced, shown, shows };
}

it('streams an answer through the fetch of Expo, follows it on a second device, and stops it there', async () => {
  expect(globalThis.fetch).toBe(fetch);
  const id = crypto.randomUUID();
  const [asking, watching] = [openApp(id), openApp(id)];
  void asking.chat.sendMessage({ text: 'hello' });
  await asking.shows(' 5 ');
  expect(asking.chat.status).toBe('streaming');
  await watching.shows(' 10 ');
  await watching.synced.stop();
  await vi.waitFor(() => expect(asking.chat.status).toBe('ready'), { timeout: 30_000 });
  expect(asking.shown()).toBe(watching.shown());
  expect(asking.shown()).not.toContain(' 100');
  expect([asking.chat.error, watching.chat.error]).toEqual([undefined, undefined]);
});

it('wakes the connections when the app comes back to the foreground', () => {
  openApp(crypto.randomUUID());
  let wakes = 0;
  onTestFinished(onWakeUp(() => wakes++));
  moveTo('background');
  expect(wakes).toBe(0);
  moveTo('active');
  expect(wakes).toBeGreaterThan(0);
});
