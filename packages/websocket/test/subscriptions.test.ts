import { SignJWT } from 'jose';
import { describe, expect, test } from 'vitest';
import { websocketServer } from '../src/server.ts';
import { serveStub } from './support/app.ts';
import { until } from './support/until.ts';

const secret = 'a secret of at least thirty-two bytes';

describe('subscribing', () => {
  test('brings what is published to that chat, as it was, and nothing of another chat', async () => {
    const app = await serveStub();
    const client = await app.client().opened();
    expect(await client.subscribe('one', await app.token('one'))).toMatchObject({ type: 'live' });
    await app.publish('two', '{"no":1}');
    await app.publish('one', '{"text":"a \\"quoted\\" text\\n😀"}');
    await until('the message', () => client.received.length === 2, { saw: () => client.received });
    expect(client.received[1]).toBe('one {"text":"a \\"quoted\\" text\\n😀"}');
  });

  test('is counted while it lasts, for the app to know whether anybody watches', async () => {
    const app = await serveStub();
    const client = await app.client().opened();
    await client.subscribe('one', await app.token('one'));
    expect([app.realtime.watcherCount('one'), app.realtime.watcherCount('two')]).toEqual([1, 0]);
    client.tell({ type: 'unsubscribe', chat: 'one' });
    client.tell({ type: 'ping' });
    await client.got({ type: 'pong' });
    expect(app.realtime.watcherCount('one')).toBe(0);
  });

  test('is refused with a token for another chat', async () => {
    const app = await serveStub();
    const client = await app.client().opened();
    expect(await client.subscribe('two', await app.token('one'))).toMatchObject({ type: 'refused', code: 'forbidden' });
    await app.publish('two', 'secret');
    client.tell({ type: 'ping' });
    await client.got({ type: 'pong' });
    expect(client.received).toHaveLength(2);
  });

  test('is refused with a token that somebody else signed, that was changed, or that is none', async () => {
    const app = await serveStub({ secret });
    const client = await app.client().opened();
    const token = await app.token('one');
    const foreign = await new SignJWT({ chat: 'one', may: ['read'] })
      .setProtectedHeader({ alg: 'HS256' })
      .setAudience('chat-transport/websocket')
      .setExpirationTime('1h')
      .sign(new TextEncoder().encode(secret.toUpperCase()));
    const none = `${btoa('{"alg":"none"}')}.${btoa('{"chat":"one","exp":9999999999}')}.`;
    for (const [ref, bad] of [foreign, token.slice(0, -4), none, ''].entries()) {
      expect(await client.subscribe('one', bad, ref)).toMatchObject({ type: 'refused', code: 'unauthorized' });
    }
    expect(await client.subscribe('one', token, 9)).toMatchObject({ type: 'live' });
  });

  test('is refused with a token that is too old', async () => {
    let now = Date.now();
    const app = await serveStub({ tokenTtlMs: 60_000, now: () => now });
    const token = await app.token('one');
    now += 50_000;
    const early = await app.client().opened();
    expect(await early.subscribe('one', token, 1)).toMatchObject({ type: 'live' });
    now += 12_000;
    const late = await app.client().opened();
    expect(await late.subscribe('one', token, 2)).toMatchObject({ type: 'refused', code: 'unauthorized' });
  });

  test('needs the app to allow reading: no token without it', async () => {
    const app = await serveStub();
    await expect(app.token('one', { 'x-may': 'send' })).rejects.toThrow('403');
  });

  test('needs a body that names the chat and little more', async () => {
    const app = await serveStub();
    const auth = (body: string): Promise<Response> =>
      fetch(`${app.origin}/api/chat/auth`, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
    for (const body of ['', 'null', '{', '{"chatId":1}']) {
      expect(await (await auth(body)).json()).toMatchObject({ error: { code: 'invalid-body' } });
    }
    expect(await (await auth(JSON.stringify({ chatId: 'x'.repeat(10_000) }))).json()).toMatchObject({
      error: { code: 'too-large' },
    });
  });

  test('ends with unsubscribe', async () => {
    const app = await serveStub();
    const client = await app.client().opened();
    await client.subscribe('one', await app.token('one'));
    client.tell({ type: 'unsubscribe', chat: 'one' });
    client.tell({ type: 'ping' });
    await client.got({ type: 'pong' });
    await app.publish('one', 'late');
    client.tell({ type: 'command', ref: 7, chat: 'one', run: 'r', message: { id: 's', type: 'cancel' } });
    expect(await client.got({ ref: 7 })).toMatchObject({ error: { code: 'forbidden' } });
    expect(client.received).not.toContain('one late');
  });

  test('goes on by itself while the handshake’s own headers grant as much as the token did', async () => {
    const app = await serveStub({ subscriptionMs: 2_000 });
    const [full, reader] = [await app.client().opened(), await app.client({ 'x-may': 'read' }).opened()];
    await full.subscribe('one', await app.token('one'));
    await reader.subscribe('two', await app.token('two'));
    // The handshake may not command, and the token may: the client is asked.
    await reader.got({ type: 'reauthorize', chat: 'two', ref: 1 });
    await until('three renewals', () => app.grants.filter((chat) => chat === 'one').length >= 4);
    expect(full.received).not.toContainEqual(expect.objectContaining({ type: 'reauthorize' }));
    await app.publish('one', 'still here');
    await until('the message', () => full.received.includes('one still here'));
    full.tell({ type: 'command', ref: 5, chat: 'one', run: 'run1', message: { id: 's1', type: 'cancel' } });
    expect(await full.got({ type: 'receipt' })).toMatchObject({ receipt: { outcome: 'delivered' } });
  });

  test('asks for a new token before the subscription is over, and goes on with it', async () => {
    const app = await serveStub({ subscriptionMs: 2_000 });
    const client = await app.client({ 'x-may': '' }).opened();
    await client.subscribe('one', await app.token('one'));
    await client.got({ type: 'reauthorize', chat: 'one', ref: 1 });
    expect(await client.subscribe('one', await app.token('one'), 2)).toMatchObject({ type: 'live' });
    await client.got({ type: 'reauthorize', chat: 'one', ref: 2 });
    expect(client.received).not.toContainEqual(expect.objectContaining({ type: 'refused' }));
  });

  test('ends with a reason when nobody brings a new token', async () => {
    const app = await serveStub({ subscriptionMs: 200 });
    const client = await app.client({ 'x-may': '' }).opened();
    await client.subscribe('one', await app.token('one'));
    expect(await client.got({ type: 'refused' })).toMatchObject({ chat: 'one', ref: 1, code: 'unauthorized' });
    const before = client.received.length;
    await app.publish('one', 'late');
    client.tell({ type: 'ping' });
    await client.got({ type: 'pong' });
    expect(client.received).toHaveLength(before + 1);
  });
});

describe('commands over the socket', () => {
  test('reach the signal route with the handshake’s cookies, and bring its receipt', async () => {
    const app = await serveStub();
    const client = await app.client({ cookie: 'session=1' }).opened();
    await client.subscribe('one', await app.token('one'));
    client.tell({ type: 'command', ref: 5, chat: 'one', run: 'run1', message: { id: 's1', type: 'cancel' } });
    expect(await client.got({ type: 'receipt' })).toEqual({
      type: 'receipt',
      ref: 5,
      receipt: { outcome: 'delivered' },
    });
    expect(app.commands).toHaveLength(1);
    expect(app.commands[0]?.body).toEqual({ id: 's1', type: 'cancel', runId: 'run1' });
    expect(new URL(app.commands[0]?.url ?? '').pathname).toBe('/api/chat/one/command');
    expect(app.commands[0]?.headers.get('cookie')).toBe('session=1');
  });

  test('are refused where the app allows reading only', async () => {
    const app = await serveStub();
    const client = await app.client().opened();
    await client.subscribe('one', await app.token('one', { 'x-may': 'read' }));
    client.tell({ type: 'command', ref: 5, chat: 'one', run: 'run1', message: { id: 's1', type: 'cancel' } });
    expect(await client.got({ type: 'receipt' })).toMatchObject({ ref: 5, error: { code: 'forbidden' } });
    expect(app.commands).toHaveLength(0);
  });

  test('are refused for a chat that the socket has not subscribed', async () => {
    const app = await serveStub();
    const client = await app.client().opened();
    await client.subscribe('one', await app.token('one'));
    client.tell({ type: 'command', ref: 5, chat: 'two', run: 'run1', message: { id: 's1', type: 'cancel' } });
    expect(await client.got({ type: 'receipt' })).toMatchObject({ ref: 5, error: { code: 'forbidden' } });
    expect(app.commands).toHaveLength(0);
  });
});

describe('the log as the bus', () => {
  /** A handler whose log the test is. */
  const followed = async () => {
    const feeds: { chatId: string; deliver: (data: string) => void; signal: AbortSignal }[] = [];
    const app = await serveStub();
    let failures = 0;
    app.realtime.connect({
      api: '/api/chat',
      handle: async () => new Response(),
      newest: async () => ({ turn: 0 }),
      stream: async () => new Response(),
      follow: async (chatId, deliver, signal) => {
        if (failures-- > 0) throw new Error('The log is down.');
        feeds.push({ chatId, deliver, signal });
      },
    });
    const failNext = (): void => {
      failures = 1;
    };
    return { app, feeds, failNext };
  };

  test('follows a chat once for all its devices, and no longer than there is one', async () => {
    const { app, feeds } = await followed();
    const clients = await Promise.all([app.client().opened(), app.client().opened()]);
    for (const client of clients) await client.subscribe('one', await app.token('one'));
    expect(feeds.map(({ chatId }) => chatId)).toEqual(['one']);
    feeds[0]?.deliver('from elsewhere');
    await app.publish('one', 'from here');
    for (const { received } of clients) {
      await until('both messages', () => received.length === 3, { saw: () => received });
      expect(received.slice(1)).toEqual(['one from elsewhere', 'one from here']);
    }
    clients[0]?.tell({ type: 'unsubscribe', chat: 'one' });
    clients[0]?.tell({ type: 'ping' });
    await clients[0]?.got({ type: 'pong' });
    expect(feeds[0]?.signal.aborted).toBe(false);
    clients[1]?.socket.terminate();
    await until('the end of the following', () => feeds[0]?.signal.aborted);
  });

  test('refuses a subscription while the log does not answer, and takes the next one', async () => {
    const { app, feeds, failNext } = await followed();
    const client = await app.client().opened();
    failNext();
    const refused = await client.subscribe('one', await app.token('one'));
    expect(refused).toMatchObject({ type: 'refused', code: 'provider-failed' });
    expect(await client.subscribe('one', await app.token('one'), 2)).toMatchObject({ type: 'live' });
    expect(feeds).toHaveLength(1);
  });
});

test('a secret that is too short is refused when the server is made', () => {
  expect(() => websocketServer({ secret: 'short' })).toThrow('at least 32');
});
