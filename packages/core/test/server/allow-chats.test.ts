import { ChatTransportError } from '@chat-transport/core';
import { allowChats, maxChatsPerCredential } from '@chat-transport/core/provider';
import type { ChatHandlerOptions } from '@chat-transport/core/server';
import { expect, it } from 'vitest';
import { type Answer, createWorld, recordingRealtime } from './support.ts';

/** A provider whose credential says which chats it is for. */
function world(authorize: ChatHandlerOptions['authorize']) {
  const realtime = recordingRealtime({
    authorize: async (request, allow) => Response.json({ chatIds: await allowChats(request, allow) }),
  });
  return createWorld({ realtime, authorize });
}

const ids = (count: number): string[] => Array.from({ length: count }, (_, index) => `c${index}`);

it('leaves out the chats that are refused, in whatever way, and asks for each once', async () => {
  const asked: string[] = [];
  const { post } = world(({ chatId, action }) => {
    asked.push(`${chatId} ${action}`);
    if (chatId === 'gone') return new Response(null, { status: 404 });
    if (chatId === 'login') throw new ChatTransportError({ code: 'unauthorized', message: 'no' });
    return chatId.startsWith('mine');
  });
  const response = await post('/auth', { chatIds: ['mine1', 'theirs', 'mine2', 'gone', 'login', 'mine1'] });
  expect(await response.json()).toEqual({ chatIds: ['mine1', 'mine2'] });
  expect(asked).toEqual(['mine1 read', 'theirs read', 'mine2 read', 'gone read', 'login read']);
});

it('leaves out what is no chat id, and answers so where there is nothing else', async () => {
  const { post } = world(() => true);
  const none = ['a:b', '*', 'x'.repeat(129), 'auth', ''];
  expect(await (await post('/auth', { chatIds: [...none, 'mine'] })).json()).toEqual({ chatIds: ['mine'] });
  const response = await post('/auth', { chatIds: none });
  expect([response.status, ((await response.json()) as Answer).error.code]).toEqual([400, 'invalid-id']);
});

it('answers the first refusal where every chat is refused', async () => {
  const { post } = world(({ chatId }) => (chatId === 'a' ? new Response('log in', { status: 401 }) : false));
  const response = await post('/auth', { chatIds: ['a', 'b'] });
  expect([response.status, await response.text()]).toEqual([401, 'log in']);
});

it.each([
  ['throws', () => Promise.reject(new Error('the database is down')), 500],
  ['answers 503', () => new Response(null, { status: 503 }), 503],
])('fails where authorize %s for one chat: that may pass, and is no refusal', async (_how, answer, status) => {
  const { post } = world(({ chatId }) => (chatId === 'b' ? (answer() as never) : true));
  expect((await post('/auth', { chatIds: ['a', 'b'] })).status).toBe(status);
});

it.each([
  ['none', []],
  ['too many', ids(maxChatsPerCredential + 1)],
  ['no list', 'c1'],
  ['no strings', [1]],
])('refuses a request that lists %s', async (_what, chatIds) => {
  const { post } = world(() => true);
  const response = await post('/auth', { chatIds });
  expect([response.status, ((await response.json()) as Answer).error.code]).toEqual([400, 'invalid-body']);
});

it('takes as many chats as one request may list, with the longest ids', async () => {
  const { post } = world(() => true);
  const chatIds = ids(maxChatsPerCredential).map((id) => id.padEnd(128, 'x'));
  expect(await (await post('/auth', { chatIds })).json()).toEqual({ chatIds });
});
