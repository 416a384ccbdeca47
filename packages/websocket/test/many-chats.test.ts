import { setTimeout as sleep } from 'node:timers/promises';
import type { ChannelListener, ChatTransportError } from '@chat-transport/core/provider';
import { describe, expect, onTestFinished, test } from 'vitest';
import { WebSocket } from 'ws';
import { RealtimeWebSocketTransport, websocketSubscriber } from '../src/index.ts';
import { serveStub, type TestApp } from './support/app.ts';
import { serveChat } from './support/chat-app.ts';
import { until } from './support/until.ts';

const ids = (count: number): string[] => Array.from({ length: count }, (_, index) => `chat-${index}`);

/** Chats of one page that count what they are told. */
function page(
  subscriber: ReturnType<typeof websocketSubscriber>,
  chats: readonly string[],
): Map<string, { live: number; down: number; failed: string[]; heard: string[]; readonly leave: AbortController }> {
  const told = new Map<
    string,
    { live: number; down: number; failed: string[]; heard: string[]; readonly leave: AbortController }
  >();
  for (const chat of chats) {
    const state = { live: 0, down: 0, failed: [] as string[], heard: [] as string[], leave: new AbortController() };
    const listener: ChannelListener = {
      onLive: () => void state.live++,
      onInterrupted: () => void state.down++,
      onFailed: ({ code }) => void state.failed.push(code),
      onMessage: (data) => void state.heard.push(data),
    };
    subscriber.subscribe(chat, listener, state.leave.signal);
    told.set(chat, state);
  }
  onTestFinished(() => subscriber.close?.());
  return told;
}

/** How long a subscription lasts, in milliseconds: it is renewed when half of that is over. */
const subscriptionMs = 8_000;

/** Waits until there was no request while every subscription was renewed. */
async function quiet(app: TestApp): Promise<void> {
  let lastAt = performance.now();
  const requests: string[] = [];
  app.http.prependListener('request', ({ method, url }) => {
    lastAt = performance.now();
    requests.push(`${method} ${url}`);
  });
  await until('a time without a request', () => performance.now() - lastAt > 0.75 * subscriptionMs, {
    deadlineMs: 60_000,
    saw: () => requests.slice(-10),
  });
}

/** Asks a question on another device. */
async function ask(app: TestApp, chatId: string): Promise<void> {
  const other = new RealtimeWebSocketTransport({ api: `${app.origin}/api/chat` });
  onTestFinished(() => other.close());
  await other.sendMessages({
    chatId,
    trigger: 'submit-message',
    messageId: undefined,
    messages: [{ id: 'm', role: 'user', parts: [{ type: 'text', text: 'hi' }] }],
    abortSignal: undefined,
  });
}

describe('many chats on one page', () => {
  test('share as few sockets as the server allows, all of them live, and no subscription is refused', async () => {
    const app = await serveStub({ maxSubscriptionsPerConnection: 10 });
    let tokens = 0;
    const subscriber = websocketSubscriber({
      url: `${app.origin}/api/chat/socket`,
      authorize: (chat) => {
        tokens++;
        return app.token(chat);
      },
    });
    const told = page(subscriber, ids(35));
    const states = [...told.values()];
    await until('all live', () => states.every(({ live }) => live === 1), {
      saw: () => states.map(({ live, failed }) => [live, failed]),
    });
    expect(app.realtime.connectionCount).toBe(4);
    expect(tokens).toBe(35);
    expect(states.every(({ down, failed }) => down === 0 && failed.length === 0)).toBe(true);
    for (const chat of ids(35)) await app.publish(chat, `for ${chat}`);
    await until('every message', () => states.every(({ heard }) => heard.length === 1));
    expect([...told].every(([chat, { heard }]) => heard[0] === `for ${chat}`)).toBe(true);
  });

  test('fill a place that another chat leaves, and close a socket that none needs', async () => {
    const app = await serveStub({ maxSubscriptionsPerConnection: 2 });
    const subscriber = websocketSubscriber({
      url: `${app.origin}/api/chat/socket`,
      authorize: (chat) => app.token(chat),
      lingerMs: 20,
    });
    const told = page(subscriber, ids(4));
    await until('all live', () => [...told.values()].every(({ live }) => live === 1));
    told.get('chat-0')?.leave.abort();
    const [more] = [...page(subscriber, ['more']).values()];
    await until('the new chat', () => more?.live === 1);
    expect(app.realtime.connectionCount).toBe(2);
    for (const chat of ['chat-2', 'chat-3']) told.get(chat)?.leave.abort();
    await until('one socket', () => app.realtime.connectionCount === 1);
  });

  test('above what all sockets may carry fail as rate-limited, and the others stay live', async () => {
    const app = await serveStub({ maxSubscriptionsPerConnection: 2 });
    const subscriber = websocketSubscriber({
      url: `${app.origin}/api/chat/socket`,
      authorize: (chat) => app.token(chat),
      maxSockets: 2,
    });
    const told = page(subscriber, ids(5));
    await until('one failure', () => told.get('chat-4')?.failed.length === 1);
    expect(told.get('chat-4')?.failed).toEqual(['rate-limited']);
    await until('the others', () => ids(4).every((chat) => told.get(chat)?.live === 1));
    expect(app.realtime.connectionCount).toBe(2);
  });

  test('come back together when their sockets are lost', async () => {
    const app = await serveStub({ maxSubscriptionsPerConnection: 10 });
    const subscriber = websocketSubscriber({
      url: `${app.origin}/api/chat/socket`,
      authorize: (chat) => app.token(chat),
    });
    const states = [...page(subscriber, ids(25)).values()];
    await until('all live', () => states.every(({ live }) => live === 1));
    for (const connection of app.connections) connection.destroy();
    await until('all live again', () => states.every(({ live, down }) => live === 2 && down === 1));
    expect(app.realtime.connectionCount).toBe(3);
  });

  test('that are idle cause no request once they are live', {
    timeout: 240_000,
  }, async () => {
    const app = await serveChat({ subscriptionMs });
    const transport = new RealtimeWebSocketTransport({ api: `${app.origin}/api/chat` });
    onTestFinished(() => transport.close());
    const chats = ids(200);
    const started: string[] = [];
    for (const chat of chats) transport.watch(chat, ({ type }) => type === 'start' && started.push(chat));
    const isLive = (chat: string): boolean => transport.connection(chat).getSnapshot().path === 'realtime';
    await until('all 200 live', () => chats.every(isLive), {
      deadlineMs: 100_000,
      saw: () => chats.filter((chat) => !isLive(chat)).length,
    });
    await quiet(app);
    await ask(app, 'chat-150');
    await until('the question of the other device', () => started.includes('chat-150'));
  });

  test('above what all sockets may carry are followed over HTTP, and cause no storm of requests', {
    timeout: 240_000,
  }, async () => {
    const app = await serveChat({ subscriptionMs });
    const transport = new RealtimeWebSocketTransport({ api: `${app.origin}/api/chat`, maxSockets: 1 });
    onTestFinished(() => transport.close());
    const chats = ids(100);
    const started: string[] = [];
    for (const chat of chats) transport.watch(chat, ({ type }) => type === 'start' && started.push(chat));
    const paths = (): string => {
      const all = chats.map((chat) => transport.connection(chat).getSnapshot().path);
      return ['realtime', 'sse'].map((path) => `${all.filter((each) => each === path).length} ${path}`).join();
    };
    await until('64 chats on the socket, and the others on streams', () => paths() === '64 realtime,36 sse', {
      deadlineMs: 100_000,
      saw: paths,
    });
    await quiet(app);
    for (const chat of ['chat-10', 'chat-90']) await ask(app, chat);
    await until('both questions of the other device', () => started.includes('chat-10') && started.includes('chat-90'));
  });

  test('are followed by no request of their own while their subscriptions wait for their turn', async () => {
    const app = await serveChat();
    const graceMs = 2000;
    let tokens = 0;
    let follows = 0;
    const transport = new RealtimeWebSocketTransport({
      api: `${app.origin}/api/chat`,
      timings: { graceMs },
      fetch: async (input, init) => {
        const { pathname, searchParams } = new URL(String(input));
        if (pathname.endsWith('/stream') && !searchParams.has('wait')) follows++;
        if (!pathname.endsWith('/auth')) return fetch(input, init);
        // All of them take longer than a subscription may take, and each one far less.
        await sleep((3 * graceMs) / 50);
        tokens++;
        return fetch(input, init);
      },
    });
    onTestFinished(() => transport.close());
    const chats = ids(200);
    for (const chat of chats) transport.watch(chat, () => {});
    const isLive = (chat: string): boolean => transport.connection(chat).getSnapshot().path === 'realtime';
    await until('all 200 live', () => chats.every(isLive), {
      deadlineMs: 50_000,
      saw: () => chats.filter((chat) => !isLive(chat)).length,
    });
    expect(tokens).toBe(200);
    expect(follows).toBe(0);
  });

  test('keep their socket when other subscriptions on it are refused', async () => {
    const app = await serveStub();
    const client = await app.client().opened();
    await client.subscribe('good', await app.token('good'));
    for (let ref = 10; ref < 100; ref += 1) client.tell({ type: 'subscribe', ref, chat: 'bad', token: 'bad' });
    await client.got({ type: 'refused', ref: 99 });
    await app.publish('good', 'still here');
    await until('the message', () => client.received.includes('good still here'));
  });
});

describe('a handshake that is refused again and again', () => {
  /** A subscriber whose handshakes have this origin, as a page's have. */
  function subscriberOf(url: string, origin: string, token: (chat: string) => Promise<string>) {
    class Browser extends WebSocket {
      constructor(address: string) {
        super(address, { headers: { origin } });
        handshakes.push(address);
      }
    }
    const handshakes: string[] = [];
    const subscriber = websocketSubscriber({
      url,
      authorize: token,
      webSocket: Browser as unknown as new (url: string) => globalThis.WebSocket,
    });
    onTestFinished(() => subscriber.close?.());
    const reports: ChatTransportError[] = [];
    let live = 0;
    for (const chat of ['one', 'two']) {
      const listener: ChannelListener = {
        onLive: () => void live++,
        onInterrupted: () => {},
        onFailed: () => {},
        onMessage: () => {},
        onRefused: (error) => void reports.push(error),
      };
      subscriber.subscribe(chat, listener, new AbortController().signal);
    }
    return { handshakes, reports, live: () => live };
  }

  test('because of its origin is reported once, with the server’s reason', async () => {
    const app = await serveStub({ allowedOrigins: ['https://app.example'] });
    const { handshakes, reports } = subscriberOf(`${app.origin}/api/chat/socket`, 'https://proxied.example', app.token);
    await until('four handshakes', () => handshakes.length >= 4);
    expect(reports).toHaveLength(1);
    expect(reports[0]).toMatchObject({
      code: 'forbidden',
      message: expect.stringMatching(/https:\/\/proxied\.example.*allowedOrigins/),
    });
    expect(app.realtime.connectionCount).toBe(0);
  });

  test('by something that cannot say why is reported once, and goes on trying until it works', async () => {
    const app = await serveStub();
    const upgrades = app.http.listeners('upgrade') as ((...args: unknown[]) => void)[];
    app.http.removeAllListeners('upgrade');
    const refuse = (_: unknown, socket: { end(text: string): void }): void =>
      socket.end('HTTP/1.1 502 Bad Gateway\r\nconnection: close\r\n\r\n');
    app.http.on('upgrade', refuse);
    const { handshakes, reports, live } = subscriberOf(`${app.origin}/api/chat/socket`, app.origin, app.token);
    await until('five handshakes', () => handshakes.length >= 5, { deadlineMs: 15_000 });
    expect(reports).toHaveLength(1);
    expect(reports[0]).toMatchObject({ code: 'provider-failed', message: expect.stringContaining('handshake') });
    app.http.off('upgrade', refuse);
    for (const upgrade of upgrades) app.http.on('upgrade', upgrade);
    await until('both chats live', () => live() === 2, { deadlineMs: 15_000 });
  });
});
