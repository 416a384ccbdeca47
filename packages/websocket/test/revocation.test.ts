import { memoryLog } from '@chat-transport/core/memory';
import { createChatHandler } from '@chat-transport/core/server';
import { expect, test } from 'vitest';
import { type WebSocketServerOptions, websocketServer } from '../src/server.ts';
import { serve } from './support/app.ts';

async function serveMembers(options: WebSocketServerOptions = {}, log = memoryLog()) {
  const members = new Set(['ann', 'bob']);
  const realtime = websocketServer(options);
  const handler = createChatHandler({
    realtime,
    log,
    respond: async function* () {},
    authorize: ({ request }) => {
      const userId = request.headers.get('x-user') ?? '';
      return members.has(userId) && { userId };
    },
  });
  return { members, handler, app: await serve(realtime, handler) };
}

const as = (userId: string): Record<string, string> => ({ 'x-user': userId });

test('a socket whose access was taken back hears nothing more, and its token is refused; others hear on', async () => {
  const { members, handler, app } = await serveMembers();
  const [ann, bob] = [await app.client().opened(), await app.client().opened()];
  const token = await app.token('one', as('bob'));
  await ann.subscribe('one', await app.token('one', as('ann')));
  expect(await bob.subscribe('one', token)).toMatchObject({ type: 'live' });
  members.delete('bob');
  await handler.runtime.revoke({ chatId: 'one', userId: 'bob' });
  expect(await bob.got({ type: 'refused', ref: 1 })).toMatchObject({ code: 'unauthorized' });
  expect(await bob.subscribe('one', token, 2)).toMatchObject({ type: 'refused', code: 'unauthorized' });
  await app.publish('one', 'secret');
  for (const client of [ann, bob]) {
    client.tell({ type: 'ping' });
    await client.got({ type: 'pong' });
  }
  expect(ann.received).toContain('one secret');
  expect(bob.received).not.toContain('one secret');
  await expect(app.token('one', as('bob'))).rejects.toThrow('403');
});

test('a revocation reaches the sockets of another process, and its tokens, also those that come later', async () => {
  const secret = 'a secret of at least thirty-two bytes';
  const log = memoryLog();
  const [here, there] = [await serveMembers({ secret }, log), await serveMembers({ secret }, log)];
  const [ann, bob] = [await there.app.client().opened(), await there.app.client().opened()];
  const token = await here.app.token('one', as('bob'));
  await ann.subscribe('one', await here.app.token('one', as('ann')));
  await bob.subscribe('one', token);
  await here.handler.runtime.revoke({ chatId: 'one', userId: 'bob' });
  expect(await bob.got({ type: 'refused', ref: 1 })).toMatchObject({ code: 'unauthorized' });
  expect(await bob.subscribe('one', token, 2)).toMatchObject({ type: 'refused', code: 'unauthorized' });
  // A process that knows nothing of the chat yet asks the log when the first device comes.
  const third = await serveMembers({ secret }, log);
  const late = await third.app.client().opened();
  expect(await late.subscribe('one', token)).toMatchObject({ type: 'refused', code: 'unauthorized' });
  expect(await late.subscribe('one', await here.app.token('one', as('ann')), 2)).toMatchObject({ type: 'live' });
  expect(ann.received).not.toContainEqual(expect.objectContaining({ type: 'refused' }));
});

test('a socket of everybody comes back with a new token where it may', async () => {
  const { handler, app } = await serveMembers();
  const client = await app.client().opened();
  await client.subscribe('one', await app.token('one', as('ann')));
  await handler.runtime.revoke({ chatId: 'one' });
  await client.got({ type: 'refused', ref: 1 });
  await new Promise((resolve) => setTimeout(resolve, 2));
  expect(await client.subscribe('one', await app.token('one', as('ann')), 2)).toMatchObject({ type: 'live' });
});

test('one user has a limited number of sockets, and room again when one is closed', async () => {
  const { app } = await serveMembers({ maxConnectionsPerUser: 2 });
  const clients = await Promise.all(Array.from({ length: 3 }, () => app.client().opened()));
  const subscribe = async (index: number, userId: string, ref: number) =>
    clients[index]?.subscribe('one', await app.token('one', as(userId)), ref);
  expect(await subscribe(0, 'ann', 1)).toMatchObject({ type: 'live' });
  expect(await subscribe(1, 'ann', 1)).toMatchObject({ type: 'live' });
  expect(await subscribe(2, 'ann', 1)).toMatchObject({ type: 'refused', code: 'rate-limited' });
  expect(await subscribe(2, 'bob', 2)).toMatchObject({ type: 'live' });
  clients[0]?.socket.terminate();
  while (app.realtime.connectionCount > 2) await new Promise((resolve) => setTimeout(resolve, 2));
  expect(await subscribe(2, 'ann', 3)).toMatchObject({ type: 'live' });
});
