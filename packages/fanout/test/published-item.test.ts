import { until } from '@chat-transport/local-services';
import { expect, test } from 'vitest';
import { appWithoutProxy } from './support/app-without-proxy.ts';

const message = { id: 'm', role: 'user' as const, parts: [{ type: 'text' as const, text: 'hi' }] };

test('each message carries all carriers in one item, follows the one before, and the end makes readers ask', async () => {
  const { handler, model, items } = await appWithoutProxy();
  await handler.runtime.start({ chatId: 'c', messages: [message] });
  const call = await model.call();
  call.say('one ');
  await call.drained();
  call.finish();
  await until('the end', () => items.some(({ channel }) => channel === 'chat-c.control'));

  const frames = items.filter(({ channel }) => channel === 'chat-c');
  expect(frames[0]?.['prev-id']).toBe('0:end');
  expect(frames.at(-1)?.id).toBe('1:end');
  expect(frames.slice(1).map((item) => item['prev-id'])).toEqual(frames.slice(0, -1).map(({ id }) => id));
  for (const { formats } of frames.slice(0, -1)) {
    expect(Object.keys(formats).sort()).toEqual(['http-response', 'http-stream', 'ws-message']);
    expect(formats['http-response']?.body).toBe(formats['http-stream']?.content);
    expect(String(formats['ws-message']?.content)).toMatch(/^\{"v":1/);
  }
  const text = frames.map(({ formats }) => formats['http-stream']?.content ?? '').join('');
  expect(text).toContain('"delta":"one "');

  // Stock readers and devices get different events for an end, made from the log: the proxy asks for them.
  expect(Object.keys(frames.at(-1)?.formats ?? {})).toEqual(['ws-message']);
  const hints = items.filter(({ channel }) => channel === 'chat-c.control');
  expect(hints.map(({ formats }) => formats)).toEqual([
    { 'http-stream': { action: 'hint' }, 'http-response': { action: 'hint' } },
  ]);
});

test('revoking a user closes the connections of that user, and those whose user is not known', async () => {
  const { handler, items } = await appWithoutProxy();
  handler.runtime.revoke({ chatId: 'c', userId: 'u 1' });
  await until('two publishes', () => items.length === 2);
  expect(items.map(({ channel }) => channel).sort()).toEqual(['chat-c.user.', 'chat-c.user.u%201']);
  for (const { formats } of items) {
    expect(formats).toEqual({
      'ws-message': { action: 'close', code: 4403 },
      'http-stream': { action: 'close', content: '' },
    });
  }
});
