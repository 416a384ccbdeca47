import { FaultProxy } from '@chat-transport/contract';
import { ChatTransportError, maxChatsPerCredential } from '@chat-transport/core/provider';
import {
  type AblyEmulator,
  type AblyEmulatorOptions,
  freePort,
  startAblyEmulator,
} from '@chat-transport/local-services';
import { type ClientOptions, Realtime, Rest } from 'ably';
import { jwtVerify } from 'jose';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type AblyServer, type AblyServerOptions, ably, maxMessageBytes } from '../src/server.ts';
import { localOptions } from './support/ably-service.ts';

const { signal } = new AbortController();
const key = 'app.key:secret';

async function service(options: AblyEmulatorOptions = {}): Promise<AblyEmulator> {
  const emulator = await startAblyEmulator(options);
  onTestFinished(() => emulator.close());
  return emulator;
}

function connect(port: number, own: ClientOptions = {}): Realtime {
  const client = new Realtime({ ...localOptions('127.0.0.1', port), key, ...own });
  onTestFinished(() => client.close());
  return client;
}

async function listen(port: number, name = 'chat:c'): Promise<{ id: string; data: string }[]> {
  const seen: { id: string; data: string }[] = [];
  await connect(port)
    .channels.get(name)
    .subscribe('frame', ({ id = '', data }) => seen.push({ id, data }));
  return seen;
}

describe('publishing', () => {
  it('names messages, so that one that is published twice comes once', async () => {
    const { port } = await service();
    const seen = await listen(port);
    const realtime = ably({ client: connect(port) });
    const data = JSON.stringify({ v: 1, text: 'Ünïcödé 😀' });
    await realtime.publish('chat:c', data, signal, 'run-0-5');
    await realtime.publish('chat:c', data, signal, 'run-0-5');
    await realtime.publish('chat:c', 'next', signal, 'run-5-6');
    await expect.poll(() => seen.length).toBe(2);
    expect(seen).toEqual([
      { id: 'run-0-5', data },
      { id: 'run-5-6', data: 'next' },
    ]);
  });

  it('keeps the order of messages that are under way together, and needs one round trip for all', async () => {
    const { port } = await service();
    const seen = await listen(port);
    const proxy = await FaultProxy.start(port);
    onTestFinished(() => proxy.close());
    const client = connect(proxy.port);
    await client.connection.whenState('connected');
    const delayMs = 150;
    proxy.set({ up: { delayMs }, down: { delayMs } });
    const realtime = ably({ client });
    expect(realtime.limits.pipelined).toBe(true);
    const from = performance.now();
    const ids = Array.from({ length: 16 }, (_, index) => `run-${index}-${index + 1}`);
    await Promise.all(ids.map((id) => realtime.publish('chat:c', id, signal, id)));
    expect(performance.now() - from).toBeLessThan(8 * 2 * delayMs);
    expect(seen.map(({ id }) => id)).toEqual(ids);
  });

  it('waits for one REST publish before the next: twenty at a time would change their order', async () => {
    const { port } = await service();
    const realtime = ably({ client: new Rest({ ...localOptions('127.0.0.1', port), key }) });
    expect(realtime.limits.pipelined).toBe(false);
    const seen = await listen(port);
    await realtime.publish('chat:c', 'data', signal, 'run-0-1');
    await expect.poll(() => seen.length).toBe(1);
    expect(seen).toEqual([{ id: 'run-0-1', data: 'data' }]);
  });

  it('keeps no channel in the client, but the one that the app has attached', async () => {
    const { port } = await service();
    const client = connect(port);
    const realtime = ably({ client });
    await client.channels.get('chat:0').attach();
    for (const chat of [0, 1, 2]) await realtime.publish(`chat:${chat}`, 'data', signal, `run-${chat}`);
    expect(Object.keys((client.channels as unknown as { all: object }).all)).toEqual(['chat:0']);
    expect(client.channels.get('chat:0').state).toBe('attached');
  });

  it.each([
    ['rate-limited', { connectionPublishesPerSecond: 1 }],
    ['rate-limited', { channelPublishesPerSecond: 1 }],
    ['too-large', { maxMessageBytes: 10 }],
  ])('fails with %s, and says nothing of the chat', async (code, limits) => {
    const { port } = await service({ limits, now: () => 0 });
    const client = connect(port);
    const realtime = ably({ client });
    await client.connection.whenState('connected');
    const publish = (id: string) => realtime.publish('chat:c', 'words of the chat, forty characters long', signal, id);
    const outcomes = await Promise.allSettled([publish('1'), publish('2')]);
    expect(outcomes[1]).toMatchObject({ status: 'rejected', reason: { code } });
    expect(String((outcomes[1] as PromiseRejectedResult).reason.message)).not.toMatch(/words|secret/);
  });

  it('takes a message of the largest size', async () => {
    const { port } = await service();
    const seen = await listen(port);
    await ably({ client: connect(port) }).publish('chat:c', 'x'.repeat(maxMessageBytes), signal, 'run-0-1');
    await expect.poll(() => seen[0]?.data.length).toBe(maxMessageBytes);
  });

  it('publishes as soon as the service is there, not when the client would have tried again', async () => {
    const port = await freePort();
    const realtime = ably({ client: connect(port, { disconnectedRetryTimeout: 60_000 }) });
    const publishes = [realtime.publish('chat:c', '1', signal, 'run-0-1')];
    await service({ port });
    await expect
      .poll(
        async () => {
          publishes.push(realtime.publish('chat:c', '2', signal, 'run-1-2'));
          return Promise.race([
            publishes[0]?.then(() => 'published'),
            new Promise((resolve) => setTimeout(resolve, 200)),
          ]);
        },
        { timeout: 10_000 },
      )
      .toBe('published');
    await Promise.all(publishes);
  });
});

describe('a credential', () => {
  const ask = (
    realtime: AblyServer,
    chatIds: readonly string[],
    refused: readonly string[] = [],
  ): Promise<Response> => {
    const headers = { 'content-type': 'application/json' };
    const request = new Request('http://localhost/auth', {
      method: 'POST',
      headers,
      body: JSON.stringify({ chatIds }),
    });
    return realtime.authorize(request, async (chatId) => {
      if (refused.includes(chatId)) throw new ChatTransportError({ code: 'forbidden', message: 'no' });
    });
  };
  const of = (options: Partial<AblyServerOptions> = {}): AblyServer => ably({ client: new Rest({ key }), ...options });

  it('subscribes to exactly the chats that are allowed, for ten minutes, and does nothing else', async () => {
    const now = (): number => 1_000_000;
    const response = await ask(of({ now }), ['a', 'b', 'c'], ['b']);
    expect(response.headers.get('cache-control')).toMatch(/no-store/);
    const { token, chatIds } = (await response.json()) as { token: string; chatIds: string[] };
    expect(chatIds).toEqual(['a', 'c']);
    const secret = new TextEncoder().encode('secret');
    const { payload, protectedHeader } = await jwtVerify(token, secret, { currentDate: new Date(now()) });
    expect(protectedHeader).toEqual({ typ: 'JWT', alg: 'HS256', kid: 'app.key' });
    expect(payload).toEqual({
      iat: 1000,
      exp: 1600,
      'x-ably-capability': '{"chat:a":["subscribe"],"chat:c":["subscribe"]}',
    });
    expect(token).not.toContain('secret');
  });

  it('fits into the 8 KB of a header with as many chats as one request may list', async () => {
    const chatIds = Array.from({ length: maxChatsPerCredential }, (_, index) => `${index}`.padEnd(128, 'x'));
    const { token } = (await (await ask(of(), chatIds)).json()) as { token: string };
    expect(token.length).toBeLessThan(8192);
  });

  it('needs a key, and a prefix that Ably takes', () => {
    expect(() => ably({ client: new Rest({ token: 'a.b.c' }) })).toThrow(/key/);
    expect(ably({ client: new Rest({ token: 'a.b.c' }), key }).channelName('c')).toBe('chat:c');
    for (const channelPrefix of ['', ':', '[x]', 'a b:', '*', 'a\n'])
      expect(() => of({ channelPrefix }), channelPrefix).toThrow(/channelPrefix/);
  });
});
