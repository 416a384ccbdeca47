import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startNext } from '@chat-transport/example-support/next-server';
import { describeTwoDevices } from '@chat-transport/example-support/two-devices';
import { freePort } from '@chat-transport/local-services';
import { expect, it, vi } from 'vitest';

describeTwoDevices(async () => {
  const [port, sockets] = [await freePort(), await freePort()];
  const folder = mkdtempSync(join(tmpdir(), 'next-websocket-'));
  const next = await startNext({
    folder: join(import.meta.dirname, '..'),
    port,
    env: {
      ORIGIN: `http://127.0.0.1:${port}`,
      SOCKET_PORT: `${sockets}`,
      CHATS: join(folder, 'chats.sqlite'),
    },
  });
  return {
    url: next.url,
    async close() {
      await next.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
});

it('has one server for each process, also when a development server evaluates the module again', async () => {
  const [port, folder] = [await freePort(), mkdtempSync(join(tmpdir(), 'next-websocket-'))];
  vi.stubEnv('SOCKET_PORT', `${port}`);
  vi.stubEnv('CHATS', join(folder, 'chats.sqlite'));
  const first = await import('../lib/chat-server.ts');
  const handler = await first.chatHandler();
  vi.resetModules();
  const again = await import('../lib/chat-server.ts');
  expect(again).not.toBe(first);
  expect(await again.chatHandler()).toBe(handler);
});
