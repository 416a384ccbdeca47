import type { AddressInfo } from 'node:net';
import { ChatTransportError, type RealtimeSubscriber } from '@chat-transport/core/provider';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { WebSocket } from 'ws';
import { type WebSocketSubscriberOptions, websocketSubscriber } from '../src/index.ts';
import type { WebSocketServerOptions } from '../src/server.ts';
import { type StubApp, serveStub } from './support/app.ts';
import { type TcpProxy, tcpProxy } from './support/tcp-proxy.ts';
import { until } from './support/until.ts';

/** A page whose handshake does not say who it is, so that only a token may renew its subscriptions. */
class Unnamed extends WebSocket {
  constructor(url: string) {
    super(url, { headers: { 'x-may': '' } });
  }
}

class Device {
  readonly heard: string[] = [];
  readonly #controller = new AbortController();
  constructor(subscriber: RealtimeSubscriber, chatId: string) {
    subscriber.subscribe(
      chatId,
      {
        onMessage: (data) => this.heard.push(data),
        onLive: () => this.heard.push('[live]'),
        onInterrupted: () => this.heard.push('[interrupted]'),
        onFailed: (error) => this.heard.push(`[failed ${error.code}]`),
      },
      this.#controller.signal,
    );
  }
  async hears(...heard: string[]): Promise<void> {
    await until(`to hear ${heard.join(', ')}`, () => this.heard.length >= heard.length, { saw: () => this.heard });
    expect(this.heard).toEqual(heard);
  }
  leave(): void {
    this.#controller.abort();
  }
}

async function setUp(
  server: WebSocketServerOptions = {},
  options: Partial<WebSocketSubscriberOptions> = {},
): Promise<{ app: StubApp; proxy: TcpProxy; subscriber: RealtimeSubscriber }> {
  const app = await serveStub(server);
  const proxy = await tcpProxy((app.http.address() as AddressInfo).port);
  const subscriber = websocketSubscriber({
    url: `http://127.0.0.1:${proxy.port}/api/chat/socket`,
    authorize: (chatId) => app.token(chatId),
    ...options,
  });
  onTestFinished(() => subscriber.close?.());
  return { app, proxy, subscriber };
}

describe('one socket', () => {
  test('carries all chats, and is closed soon after the last one', async () => {
    const { app, proxy, subscriber } = await setUp({}, { lingerMs: 20 });
    const [one, two] = [new Device(subscriber, 'one'), new Device(subscriber, 'two')];
    await Promise.all([one.hears('[live]'), two.hears('[live]')]);
    await app.publish('one', 'for one');
    await app.publish('two', 'for two');
    await Promise.all([one.hears('[live]', 'for one'), two.hears('[live]', 'for two')]);
    expect(proxy.accepted).toBe(1);
    one.leave();
    await app.publish('one', 'unheard');
    await app.publish('two', 'more');
    await two.hears('[live]', 'for two', 'more');
    two.leave();
    await until('no connection', () => app.realtime.connectionCount === 0);
    expect(one.heard).toEqual(['[live]', 'for one']);
  });

  test('that is still opening when its last chat is left serves the chat that is opened next', async () => {
    const { proxy, subscriber } = await setUp({}, { lingerMs: 20, heartbeatMs: 100, deadAfterMs: 1_000 });
    const left = new Device(subscriber, 'one');
    await until('a connection', () => proxy.accepted === 1);
    proxy.blackHole();
    left.leave();
    await new Device(subscriber, 'two').hears('[interrupted]', '[live]');
  });

  test('serves two listeners of one chat, and goes on for one when the other leaves', async () => {
    const { app, subscriber } = await setUp();
    const first = new Device(subscriber, 'one');
    await first.hears('[live]');
    const second = new Device(subscriber, 'one');
    await second.hears('[live]');
    first.leave();
    await app.publish('one', 'x');
    await second.hears('[live]', 'x');
    expect(first.heard).toEqual(['[live]']);
  });

  test('a chat left and taken up again in one moment is live again', async () => {
    const { app, subscriber } = await setUp();
    const first = new Device(subscriber, 'one');
    await first.hears('[live]');
    first.leave();
    const second = new Device(subscriber, 'one');
    await second.hears('[live]');
    await app.publish('one', 'x');
    await second.hears('[live]', 'x');
  });

  test('a chat left while it was being subscribed does not make the next one live too early', async () => {
    const tokens: ((token: string) => void)[] = [];
    const { app, subscriber } = await setUp({}, { authorize: () => new Promise((resolve) => tokens.push(resolve)) });
    const first = new Device(subscriber, 'one');
    await until('a socket', () => app.realtime.connectionCount === 1);
    const token = await app.token('one');
    tokens[0]?.(token);
    // The subscribe goes out in this moment, its answer needs the network.
    await new Promise((resolve) => setImmediate(resolve));
    expect(first.heard).toEqual([]);
    first.leave();
    const second = new Device(subscriber, 'one');
    const third = new Device(subscriber, 'three');
    tokens[2]?.(await app.token('three'));
    await third.hears('[live]');
    // The answer to the first subscribe came before that.
    expect(second.heard).toEqual([]);
    tokens[1]?.(await app.token('one'));
    await second.hears('[live]');
  });

  test('close leaves no connection, calls nobody, and can be called twice', async () => {
    const { app, subscriber } = await setUp();
    const device = new Device(subscriber, 'one');
    await device.hears('[live]');
    subscriber.close?.();
    subscriber.close?.();
    await until('no connection', () => app.realtime.connectionCount === 0);
    expect(device.heard).toEqual(['[live]']);
  });
});

describe('a lost network', () => {
  test('reset connections come back by themselves, and each return is reported as live', async () => {
    const { app, proxy, subscriber } = await setUp();
    const device = new Device(subscriber, 'one');
    await device.hears('[live]');
    proxy.reset();
    await device.hears('[live]', '[interrupted]', '[live]');
    proxy.reset();
    await device.hears('[live]', '[interrupted]', '[live]', '[interrupted]', '[live]');
    await app.publish('one', 'x');
    await until('the message', () => device.heard.at(-1) === 'x', { saw: () => device.heard });
  });

  test('a connection that is dead without a word is noticed and replaced', async () => {
    const { app, proxy, subscriber } = await setUp(
      { heartbeatMs: 50, deadAfterMs: 2_000 },
      { heartbeatMs: 50, deadAfterMs: 2_000 },
    );
    const device = new Device(subscriber, 'one');
    await device.hears('[live]');
    proxy.blackHole();
    await device.hears('[live]', '[interrupted]', '[live]');
    expect(proxy.accepted).toBe(2);
    await until('one connection', () => app.realtime.connectionCount === 1);
    await app.publish('one', 'x');
    await device.hears('[live]', '[interrupted]', '[live]', 'x');
  });

  test('a quiet connection that lives is kept', async () => {
    const { app, proxy, subscriber } = await setUp({}, { heartbeatMs: 20, deadAfterMs: 1_000 });
    const device = new Device(subscriber, 'one');
    await device.hears('[live]');
    // Longer than the connection would live without an answer to its heartbeats.
    const other = await serveStub({ subscribeTimeoutMs: 1_500 });
    const idle = await other.client().opened();
    await until('a socket that is closed after 1,500 ms', () => idle.closed);
    await app.publish('one', 'x');
    await device.hears('[live]', 'x');
    expect(proxy.accepted).toBe(1);
  });

  test('a page that wakes up asks at once instead of waiting for the next heartbeat', async () => {
    const page = new EventTarget();
    vi.stubGlobal('addEventListener', page.addEventListener.bind(page));
    vi.stubGlobal('removeEventListener', page.removeEventListener.bind(page));
    const { proxy, subscriber } = await setUp();
    const device = new Device(subscriber, 'one');
    await device.hears('[live]');
    proxy.blackHole();
    page.dispatchEvent(new Event('visibilitychange'));
    await device.hears('[live]', '[interrupted]', '[live]');
    subscriber.close?.();
    page.dispatchEvent(new Event('online'));
    expect(proxy.accepted).toBe(2);
  });

  test('an address that cannot be opened is tried again and reported once', async () => {
    const device = new Device(
      (() => {
        const subscriber = websocketSubscriber({ url: 'http://127.0.0.1:1/', authorize: async () => 'token' });
        onTestFinished(() => subscriber.close?.());
        return subscriber;
      })(),
      'one',
    );
    await device.hears('[interrupted]');
  });
});

describe('credentials', () => {
  test('a refused one fails that chat for good and leaves the others alone', async () => {
    let asked = 0;
    const { app, subscriber } = await setUp(
      {},
      {
        authorize: (chatId) => {
          if (chatId === 'one') return app.token(chatId);
          asked += 1;
          return Promise.reject(new ChatTransportError({ code: 'forbidden', message: 'No.' }));
        },
      },
    );
    const [one, secret] = [new Device(subscriber, 'one'), new Device(subscriber, 'secret')];
    await Promise.all([one.hears('[live]'), secret.hears('[failed forbidden]')]);
    await app.publish('one', 'x');
    await one.hears('[live]', 'x');
    expect(asked).toBe(1);
  });

  test('a server that fails to answer is asked again', async () => {
    let asked = 0;
    const { app, subscriber } = await setUp(
      {},
      {
        authorize: (chatId) => {
          asked += 1;
          return asked < 3 ? Promise.reject(new Error('500')) : app.token(chatId);
        },
      },
    );
    await new Device(subscriber, 'one').hears('[interrupted]', '[live]');
  });

  test('a token that is not good any more is replaced by a new one', async () => {
    let asked = 0;
    const { app, subscriber } = await setUp(
      {},
      {
        authorize: async (chatId) => {
          asked += 1;
          return asked === 1 ? 'stale' : app.token(chatId);
        },
      },
    );
    await new Device(subscriber, 'one').hears('[interrupted]', '[live]');
  });

  test('a long subscription is renewed without an interruption', async () => {
    let asked = 0;
    const { app, subscriber } = await setUp(
      { subscriptionMs: 2_000 },
      {
        webSocket: Unnamed as unknown as typeof globalThis.WebSocket,
        authorize: (chatId) => {
          asked += 1;
          return app.token(chatId);
        },
      },
    );
    const device = new Device(subscriber, 'one');
    await until('two renewals', () => asked >= 3, { saw: () => device.heard });
    await app.publish('one', 'x');
    await device.hears('[live]', 'x');
  });

  test('a user who may not read any more is cut off at the end of the subscription', async () => {
    let may = true;
    const { app, subscriber } = await setUp(
      { subscriptionMs: 2_000 },
      {
        webSocket: Unnamed as unknown as typeof globalThis.WebSocket,
        authorize: (chatId) =>
          may ? app.token(chatId) : Promise.reject(new ChatTransportError({ code: 'unauthorized', message: 'No.' })),
      },
    );
    const device = new Device(subscriber, 'one');
    await device.hears('[live]');
    may = false;
    await device.hears('[live]', '[failed unauthorized]');
    await app.publish('one', 'secret');
    const other = new Device(
      websocketSubscriber({ url: app.socketUrl, authorize: (chatId) => app.token(chatId) }),
      'one',
    );
    await other.hears('[live]');
    await app.publish('one', 'more');
    await other.hears('[live]', 'more');
    other.leave();
    expect(device.heard).toHaveLength(2);
  });
});

test('a device that was too slow hears of an interruption, so that core reads the log', async () => {
  const { app, subscriber } = await setUp({ maxBufferedBytes: 1_000 });
  const device = new Device(subscriber, 'one');
  await device.hears('[live]');
  const message = 'x'.repeat(500_000);
  // Published in one go: nothing is read meanwhile.
  await Promise.all(Array.from({ length: 20 }, () => app.publish('one', message)));
  await until('the interruption', () => device.heard.includes('[interrupted]'));
  await app.publish('one', 'after');
  await until('the next message', () => device.heard.at(-1) === 'after');
  expect(device.heard.filter((each) => each !== message)).toEqual(['[live]', '[interrupted]', '[live]', 'after']);
});

describe('commands', () => {
  const never = new AbortController().signal;

  test('go over the socket and bring the receipt', async () => {
    const { app, subscriber } = await setUp();
    await new Device(subscriber, 'one').hears('[live]');
    const receipts = ['a', 'b'].map((id) => subscriber.send?.('one', 'run1', { id, type: 'cancel' }, never));
    expect(await Promise.all(receipts)).toEqual([{ outcome: 'delivered' }, { outcome: 'delivered' }]);
    expect(app.commands.map(({ body }) => body)).toEqual([
      { id: 'a', type: 'cancel', runId: 'run1' },
      { id: 'b', type: 'cancel', runId: 'run1' },
    ]);
  });

  test('fail as network when nothing is subscribed, when no answer comes, and when the socket goes', async () => {
    const { app, proxy, subscriber } = await setUp({}, { commandTimeoutMs: 50 });
    const send = (id: string): Promise<unknown> | undefined =>
      subscriber.send?.('one', 'run1', { id, type: 'cancel' }, never);
    await expect(send('early')).rejects.toMatchObject({ code: 'network' });
    await new Device(subscriber, 'one').hears('[live]');
    await expect(send('slow')).rejects.toMatchObject({ code: 'network' });
    const lost = send('slow');
    proxy.reset();
    await expect(lost).rejects.toMatchObject({ code: 'network' });
    expect(app.commands.map(({ body }) => (body as { id: string }).id)).not.toContain('early');
  });

  test('reject with the server’s code, and with the caller’s own reason', async () => {
    const { app, subscriber } = await setUp({}, { authorize: (chatId) => app.token(chatId, { 'x-may': 'read' }) });
    await new Device(subscriber, 'one').hears('[live]');
    await expect(subscriber.send?.('one', 'run1', { id: 'a', type: 'cancel' }, never)).rejects.toMatchObject({
      code: 'forbidden',
    });
    const reason = new Error('enough');
    await expect(
      subscriber.send?.('one', 'run1', { id: 'slow', type: 'cancel' }, AbortSignal.abort(reason)),
    ).rejects.toBe(reason);
  });
});
