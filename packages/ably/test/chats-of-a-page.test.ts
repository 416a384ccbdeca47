import type { TestChat } from '@chat-transport/contract';
import { maxChatsPerCredential, systemClock } from '@chat-transport/core/provider';
import { until } from '@chat-transport/local-services';
import { Realtime } from 'ably';
import { expect, it, onTestFinished } from 'vitest';
import { ablySubscriber } from '../src/index.ts';
import { localOptions } from './support/ably-service.ts';
import { type ChatApp, openPage, serveChat } from './support/chat-app.ts';

const shows = (chat: TestChat, words: string): Promise<unknown> =>
  until(
    `"${words}"`,
    () => chat.text.includes(words),
    () => chat.seen,
  );

/** Another device asks in a chat; what it says is only seen here over realtime. */
async function ask(app: ChatApp, chatId: string) {
  const calls = app.model.calls.length;
  const page = openPage(app);
  const chat = page.open(chatId);
  const done = chat.sendMessage({ text: 'hi' });
  return { chat, done, call: await app.model.call(calls) };
}

it('asks once for the token of all chats that a page opens together', async () => {
  const app = await serveChat();
  const page = openPage(app);
  for (const id of ['a', 'b', 'c']) page.open(id);
  await until('all chats', () => ['a', 'b', 'c'].every((id) => page.path(id) === 'realtime'));
  expect(app.credentialRequests).toEqual([['a', 'b', 'c']]);
});

it('adds a second chat to the token without an interruption of the first', async () => {
  const app = await serveChat();
  const page = openPage(app);
  const first = page.open('a');
  await until('the first chat', () => page.path('a') === 'realtime');
  const { id } = page.client.connection;
  const paths = new Set<string | null>();
  page.transport.connection('a').subscribe(() => paths.add(page.path('a')));
  const { call, done } = await ask(app, 'a');
  call.say('one ');
  await shows(first, 'one');
  page.open('b');
  await until('the second chat', () => page.path('b') === 'realtime');
  call.say('two');
  await shows(first, 'two');
  call.finish();
  await done;
  expect(page.client.connection.id).toBe(id);
  expect([...paths].filter((path) => path !== 'realtime')).toEqual([]);
  expect(app.credentialRequests.filter((each) => each.includes('b'))).toEqual([['a', 'b']]);
});

it('follows one chat over realtime while the other is refused', async () => {
  const app = await serveChat({ authorize: ({ chatId }) => chatId === 'mine' });
  const page = openPage(app);
  const mine = page.open('mine');
  page.open('theirs');
  await until('the chat that is allowed', () => page.path('mine') === 'realtime');
  const { call, done } = await ask(app, 'mine');
  call.say('still here');
  await shows(mine, 'still here');
  call.finish();
  await done;
  expect(page.path('mine')).toBe('realtime');
  expect(page.path('theirs')).not.toBe('realtime');
});

it.each(['b:c', '*', 'a b', '😀', 'x'.repeat(200)])(
  'follows a chat over realtime beside one whose id %j is none',
  async (id) => {
    const app = await serveChat();
    const page = openPage(app);
    page.open(id);
    page.open('a');
    await until('the other chat', () => page.path('a') === 'realtime');
    await until('a refusal', () => page.transport.connection(id).getSnapshot().state === 'refused');
    expect(page.path('a')).toBe('realtime');
  },
);

it('follows as many chats as a token may be for over realtime, those opened first, and the others over HTTP', async () => {
  const app = await serveChat();
  const page = openPage(app);
  const ids = Array.from({ length: maxChatsPerCredential + 8 }, (_, index) => `c${index}`);
  for (const id of ids) page.open(id);
  const [first = '', last = ''] = [ids[0], ids.at(-1)];
  const live = (): string[] => ids.filter((id) => page.path(id) === 'realtime');
  await until('as many chats as fit', () => live().length === maxChatsPerCredential);
  await until('the last over HTTP', () => ['sse', 'poll'].includes(page.path(last) ?? ''));
  const { call, done } = await ask(app, first);
  call.finish();
  await done;
  expect(live()).toEqual(ids.slice(0, maxChatsPerCredential));
  expect(page.client.connection.state).toBe('connected');
  expect(page.events.filter(({ type }) => type === 'realtime-failed')).toEqual([]);
});

it('follows a chat over realtime that found no room, once another one is closed', async () => {
  const app = await serveChat();
  const local = localOptions('127.0.0.1', app.emulator.port);
  const subscriber = ablySubscriber({
    client: (options) => new Realtime({ ...options, ...local }),
    clock: systemClock,
    post: (path, body) => {
      const headers = { 'content-type': 'application/json' };
      return fetch(app.api + path, { method: 'POST', headers, body: JSON.stringify(body) });
    },
  });
  onTestFinished(() => subscriber.close?.());
  const live = new Set<string>();
  const ends = Array.from({ length: maxChatsPerCredential + 1 }, (_, index) => {
    const end = new AbortController();
    const listener = {
      onMessage: () => {},
      onLive: () => live.add(`c${index}`),
      onInterrupted: () => live.delete(`c${index}`),
      onFailed: () => live.delete(`c${index}`),
      onRefused: () => {},
    };
    subscriber.subscribe(`c${index}`, listener, end.signal);
    return end;
  });
  onTestFinished(() => {
    for (const end of ends) end.abort();
  });
  const last = `c${maxChatsPerCredential}`;
  await until('as many chats as fit', () => live.size === maxChatsPerCredential);
  expect(live).not.toContain(last);
  ends[0]?.abort();
  await until('the last one', () => live.has(last));
});

it('keeps the first chat when a second one is refused later, and when it loses its access itself', async () => {
  let allowed = ['a', 'b'];
  const app = await serveChat({ authorize: ({ chatId }) => allowed.includes(chatId) });
  const page = openPage(app);
  const chat = page.open('a');
  await until('the first chat', () => page.path('a') === 'realtime');
  page.open('c');
  page.open('b');
  await until('another chat', () => page.path('b') === 'realtime');
  // The next token is for one chat less.
  allowed = ['b'];
  app.emulator.expireTokens();
  await until('the end of the first', () => page.path('a') !== 'realtime');
  await until('the other chat', () => page.path('b') === 'realtime');
  expect(page.path('c')).not.toBe('realtime');
  expect(chat.texts).toEqual([]);
});

it('goes on in mid-answer when tokens expire, are asked for, or are revoked', async () => {
  const app = await serveChat();
  const page = openPage(app);
  const chat = page.open('a');
  await until('realtime', () => page.path('a') === 'realtime');
  const { call, done, chat: asking } = await ask(app, 'a');
  for (const renew of ['askForTokens', 'expireTokens', 'revokeTokens'] as const) {
    call.say(`before ${renew} `);
    await shows(chat, `before ${renew}`);
    const requests = app.credentialRequests.length;
    app.emulator[renew]();
    call.say(`after ${renew} `);
    await until('another token', () => app.credentialRequests.length > requests);
    await shows(chat, `after ${renew}`);
    await until('realtime', () => page.path('a') === 'realtime');
  }
  call.finish();
  await done;
  await until('an idle chat', () => chat.isIdle);
  expect(chat.texts).toEqual(asking.texts);
});

it.each([-20, 20])(
  'works on a page whose clock is %i minutes off: tokens are signed by the server’s clock',
  async (minutes) => {
    // Everything but the page's client is somewhere else in time, and tokens are renewed.
    const now = (): number => Date.now() - minutes * 60_000;
    const app = await serveChat({ ably: { now, tokenTtlMs: 2000 }, emulator: { now } });
    const page = openPage(app);
    const chat = page.open('a');
    await until('realtime', () => page.path('a') === 'realtime');
    await until('a second token', () => app.credentialRequests.length > 1);
    // No hot loop of renewals.
    expect(app.credentialRequests.length).toBeLessThan(12);
    await until('realtime again', () => page.path('a') === 'realtime');
    const { call, done } = await ask(app, 'a');
    call.say('in time');
    await shows(chat, 'in time');
    call.finish();
    await done;
  },
);

it('uses a client of the app, with the channel that it has attached with parameters of its own, and leaves both open', async () => {
  const app = await serveChat();
  const client = new Realtime({ ...localOptions('127.0.0.1', app.emulator.port), key: app.emulator.keys[0] ?? '' });
  onTestFinished(() => client.close());
  const channel = client.channels.get('chat:a', { params: { rewind: '10' } });
  const seen: unknown[] = [];
  await channel.subscribe('typing', ({ data }) => seen.push(data));
  const page = openPage(app, { client });
  const chat = page.open('a');
  await until('realtime', () => page.path('a') === 'realtime');
  const { call, done } = await ask(app, 'a');
  call.say('an answer');
  await shows(chat, 'an answer');
  await channel.publish('typing', 'still');
  await until('the app’s own message', () => seen.length > 0);
  call.finish();
  await done;
  page.transport.close();
  expect(client.connection.state).toBe('connected');
  expect(app.credentialRequests.flat()).not.toContain('x');
});

it('answers over HTTP, with a typed error, where the app cannot make the client', async () => {
  const app = await serveChat();
  const page = openPage(app, {
    client: () => {
      throw new TypeError('no key');
    },
  });
  const chat = page.open('a');
  const done = chat.sendMessage({ text: 'hi' });
  const call = await app.model.call();
  call.say('one');
  call.finish();
  await done;
  expect(chat.text).toBe('one');
  expect(page.events).toContainEqual(
    expect.objectContaining({ type: 'realtime-failed', error: expect.objectContaining({ code: 'provider-failed' }) }),
  );
});
