import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { memoryLog } from '@chat-transport/core/memory';
import { type ChatHandlerOptions, createChatHandler, type ServerEvent } from '@chat-transport/core/server';
import { until } from '@chat-transport/local-services';
import { Realtime, Rest } from 'ably';
import { expect, it, onTestFinished } from 'vitest';
import { ably } from '../src/server.ts';
import { localOptions } from './support/ably-service.ts';

/** A server in Ably's place that answers every request like this, or never. */
async function unwell(status: number | 'never'): Promise<number> {
  const server: Server = createServer((_request, response) => {
    if (status !== 'never') response.writeHead(status, { 'content-type': 'application/json' }).end('{}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

const respond: ChatHandlerOptions['respond'] = async function* () {
  yield { type: 'start' };
  yield { type: 'text-start', id: '0' };
  for (const delta of ['one ', 'two ', 'three']) yield { type: 'text-delta', id: '0', delta };
  yield { type: 'text-end', id: '0' };
  yield { type: 'finish' };
};

it.each([
  ...([500, 503, 429, 403, 'never'] as const).map((status) => ['Rest', status] as const),
  ...([500, 'never'] as const).map((status) => ['Realtime', status] as const),
])('answers as fast as ever while Ably, asked by %s, answers %s', async (kind, status) => {
  const port = await unwell(status);
  const options = { ...localOptions('127.0.0.1', port), key: 'app.key:secret', maxNetworkRetries: 0 };
  const client = kind === 'Rest' ? new Rest(options) : new Realtime({ ...options, echoMessages: false });
  const events: ServerEvent[] = [];
  const handler = createChatHandler({
    ...{ api: '/api/chat', realtime: ably({ client }), log: memoryLog(), authorize: () => true, respond },
    onEvent: (event) => events.push(event),
  });
  onTestFinished(async () => {
    if (client instanceof Realtime) client.close();
    await handler.runtime.close();
  });
  const body = {
    id: 'c',
    trigger: 'submit-message',
    messages: [{ id: 'm', role: 'user', parts: [{ type: 'text', text: 'hi' }] }],
  };
  const startedAt = performance.now();
  const response = await handler(
    new Request('http://localhost/api/chat', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    }),
  );
  const text = await response.text();
  expect(text).toContain('[DONE]');
  expect(performance.now() - startedAt).toBeLessThan(5_000);
  // Realtime queues up while it connects, and a request that hangs has not failed yet.
  const isReported = kind === 'Rest' && status !== 'never';
  if (isReported) await until('a report', () => events.some(({ type }) => type === 'publish-failed'));
  const codes = events.flatMap((event) =>
    event.type === 'publish-failed' ? [(event.error as { code: string }).code] : [],
  );
  expect(new Set(codes)).toEqual(new Set(isReported ? [status === 429 ? 'rate-limited' : 'provider-failed'] : []));
});

it.each([['a:b'], ['*'], ['[x]y'], ['a b'], ['../c'], ['c\n'], ['é'], [''], ['a'.repeat(129)]])(
  'gives no token for %j',
  async (chatId) => {
    const client = new Rest({ key: 'app.key:secret' });
    const handler = createChatHandler({
      api: '/api/chat',
      realtime: ably({ client }),
      log: memoryLog(),
      authorize: () => true,
      respond,
    });
    onTestFinished(() => handler.runtime.close());
    const response = await handler(
      new Request('http://localhost/api/chat/auth', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ chatIds: [chatId] }),
      }),
    );
    expect(response.status).toBe(400);
  },
);
