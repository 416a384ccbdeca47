import { join } from 'node:path';
import { startNodeServer } from '@chat-transport/example-support/node-server';
import { describeTwoDevices } from '@chat-transport/example-support/two-devices';
import { expect, it } from 'vitest';
import { startNginx } from './nginx.ts';

const folder = join(import.meta.dirname, '..');

// The device that watches is behind nginx, with the configuration of docs/deployment.md.
const stage = describeTwoDevices(async () => {
  const server = await startNodeServer({ file: join(folder, 'server.ts'), page: join(folder, 'dist') });
  const nginx = await startNginx(server.port);
  return { ...server, otherUrl: nginx.url, close: () => Promise.all([nginx.close(), server.close()]) };
});

it('streams an answer through nginx as it is written, over HTTP alone, although nginx compresses', async () => {
  const chatId = crypto.randomUUID();
  const message = { id: 'm1', role: 'user', parts: [{ type: 'text', text: 'hello' }] };
  const response = await fetch(`${stage.otherUrl}/api/chat`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-chat-id': chatId, 'accept-encoding': 'gzip' },
    body: JSON.stringify({ id: chatId, messages: [message] }),
  });
  expect(response.headers.get('content-encoding')).toBe('gzip');
  let text = '';
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  while (reader && !text.includes(' 3')) text += (await reader.read()).value ?? '';
  await reader?.cancel();
  // It counts to 100: what has come is a beginning.
  expect(text).toContain('“hello”');
  expect(text).not.toContain(' 100');
});
