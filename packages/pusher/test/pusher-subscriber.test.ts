import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { FaultProxy } from '@chat-transport/contract';
import { systemClock } from '@chat-transport/core';
import type { ChannelListener } from '@chat-transport/core/provider';
import { type PusherApp, type SoketiServer, startSoketi, until } from '@chat-transport/local-services';
import type Pusher from 'pusher-js';
import type { Options } from 'pusher-js';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import { defaultCheckAfterMs, type PusherSubscriberOptions, pusherSubscriber } from '../src/index.ts';
import { pusher } from '../src/server.ts';
import { clientOf } from './support/chat-app.ts';
import { serverClient } from './support/harness.ts';

let soketi: SoketiServer;
let app: PusherApp;
beforeAll(async () => {
  soketi = await startSoketi();
  app = soketi.apps[0] as PusherApp;
});
afterAll(() => soketi.close());

const { signal: never } = new AbortController();

type Heard = [what: 'live' | 'down' | 'failed', detail?: unknown] | [what: 'message', data: string];

/** A listener that writes everything down. */
function ear(): { readonly heard: Heard[]; readonly listener: ChannelListener; count(what: Heard[0]): number } {
  const heard: Heard[] = [];
  return {
    heard,
    count: (what) => heard.filter(([each]) => each === what).length,
    listener: {
      onLive: () => heard.push(['live']),
      onMessage: (data) => heard.push(['message', data]),
      onInterrupted: (reason) => heard.push(['down', reason]),
      onFailed: (error) => heard.push(['failed', error.code]),
    },
  };
}

/** Signs as the chat server does, unless a test has it another way. */
type Authorize = (socketId: string, channel: string) => Promise<{ auth: string }> | { auth: string };
const sign: Authorize = (socketId, channel) => serverClient(app, soketi.port).authorizeChannel(socketId, channel);

function client(
  host: string = `127.0.0.1:${soketi.port}`,
  authorize: Authorize = sign,
  more: Partial<Options> = {},
): Pusher {
  const opened = clientOf(app, host, {
    channelAuthorization: {
      endpoint: '',
      transport: 'ajax',
      async customHandler({ socketId, channelName }, callback) {
        try {
          callback(null, await authorize(socketId, channelName));
        } catch (error) {
          callback(error as Error, null);
        }
      },
    },
    ...more,
  });
  onTestFinished(() => opened.disconnect());
  return opened;
}

function subscriber(options: Partial<PusherSubscriberOptions> & Pick<PusherSubscriberOptions, 'client'>) {
  return pusherSubscriber({ clock: systemClock, ...options });
}

const publish = (data: string, chatId = 'c1'): Promise<void> => {
  const realtime = pusher({ client: serverClient(app, soketi.port) });
  return realtime.publish(realtime.channelName(chatId), data, never, 'id');
};

describe('a subscription', () => {
  it('brings what the server publishes, byte for byte', async () => {
    const { heard, listener, count } = ear();
    subscriber({ client: client() }).subscribe('c1', listener, never);
    await until(
      'live',
      () => count('live') > 0,
      () => heard,
    );
    const messages = [
      '{"v":1,"delta":"Ünï 😀 \\" \\\\ \\u0000 \\ud83d"}',
      '{"__proto__":{"a":1},"n":1e+21}',
      'no JSON',
      '"text"',
    ];
    for (const message of messages) await publish(message);
    await until(
      'all messages',
      () => count('message') === messages.length,
      () => heard,
    );
    const brought = heard.flatMap(([what, data]) => (what === 'message' ? [data] : []));
    // In any order, as Pusher has it. A frame is an object; a string in quotes comes without them, and is no frame either way.
    expect(brought.sort()).toEqual([...messages.slice(0, 3), 'text'].sort());
  });

  it('takes nothing from another member for a frame', async () => {
    const { heard, listener, count } = ear();
    subscriber({ client: client() }).subscribe('forged', listener, never);
    await until(
      'live',
      () => count('live') > 0,
      () => heard,
    );
    const attacker = client();
    const channel = attacker.subscribe('private-chat-forged');
    await until('the attacker’s subscription', () => channel.subscribed);
    for (const event of ['client-frame', 'client-', 'client-pusher:subscription_error'])
      channel.trigger(event, { v: 1 });
    await rawEvents(['frame', 'client-frame', 'pusher:subscription_error', 'pusher_internal:subscription_succeeded']);
    await publish('{"from":"the server"}', 'forged');
    await until(
      'the server’s message',
      () => count('message') > 0,
      () => heard,
    );
    expect(heard).toEqual([['live'], ['message', '{"from":"the server"}']]);
  });

  /** Events that pusher-js would not send, said on a socket of one's own. */
  async function rawEvents(events: readonly string[]): Promise<void> {
    const socket = new WebSocket(`ws://127.0.0.1:${soketi.port}/app/${app.key}?protocol=7`);
    onTestFinished(() => socket.close());
    const said: { event: string; data?: string }[] = [];
    socket.on('message', (data) => said.push(JSON.parse(String(data))));
    const data = await until('a connection', () => said[0]?.data);
    const channel = 'private-chat-forged';
    const { auth } = await sign(JSON.parse(data).socket_id, channel);
    socket.send(JSON.stringify({ event: 'pusher:subscribe', data: { channel, auth } }));
    await until(
      'a subscription',
      () => said.some(({ event }) => event.endsWith('subscription_succeeded')),
      () => said,
    );
    for (const event of events) socket.send(JSON.stringify({ event, channel, data: '{"v":1,"status":403}' }));
    socket.send(JSON.stringify({ event: 'pusher:ping', data: {} }));
    await until(
      'an answer to all of it',
      () => said.some(({ event }) => event === 'pusher:pong'),
      () => said,
    );
  }

  it('says at once that a connection is gone, and that it is live after each return', async () => {
    const proxy = await FaultProxy.start(soketi.port);
    onTestFinished(() => proxy.close());
    const { heard, listener, count } = ear();
    subscriber({ client: client(proxy.host) }).subscribe('c1', listener, never);
    for (const round of [1, 2]) {
      await until(
        'live',
        () => count('live') === round,
        () => heard,
      );
      proxy.reset();
      await until(
        'an interruption',
        () => count('down') === round,
        () => heard,
      );
      // pusher-js itself says so only when it tries again, after a second.
      expect(proxy.accepted).toBe(round);
    }
    await until(
      'live again',
      () => count('live') === 3,
      () => heard,
    );
    expect(heard.map(([what]) => what)).toEqual(['live', 'down', 'live', 'down', 'live']);
  });

  it('asks again when the chat server could not sign', async () => {
    let attempts = 0;
    const authorize: Authorize = (socketId, channel) => {
      attempts += 1;
      if (attempts < 3) throw new Error('not now');
      return sign(socketId, channel);
    };
    const { heard, listener, count } = ear();
    subscriber({ client: client(undefined, authorize) }).subscribe('c1', listener, never);
    await until(
      'live',
      () => count('live') > 0,
      () => heard,
    );
    expect(heard.map(([what]) => what)).toEqual(['down', 'live']);
    expect(attempts).toBe(3);
  });

  it.each([
    [401, 'unauthorized'],
    [403, 'forbidden'],
  ])('gives up when the chat server refuses with %d', async (status, code) => {
    const server = createServer((_, response) => response.writeHead(status).end());
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}/auth`;
    const { heard, listener, count } = ear();
    const opened = client(undefined, sign, { channelAuthorization: { endpoint, transport: 'ajax' } });
    subscriber({ client: opened }).subscribe('c1', listener, never);
    await until(
      'a failure',
      () => count('failed') > 0,
      () => heard,
    );
    expect(heard).toEqual([['failed', code]]);
  });

  it('fails when Pusher does not know the app, and works once it is subscribed again after that', async () => {
    const { heard, listener, count } = ear();
    const opened = clientOf({ ...app, key: 'unknown' }, `127.0.0.1:${soketi.port}`);
    onTestFinished(() => opened.disconnect());
    subscriber({ client: opened }).subscribe('c1', listener, never);
    await until(
      'a failure',
      () => count('failed') > 0,
      () => heard,
    );
    expect(heard.at(-1)).toEqual(['failed', 'provider-failed']);

    const own = client();
    own.disconnect();
    const again = ear();
    subscriber({ client: own }).subscribe('c1', again.listener, never);
    await until(
      'live',
      () => again.count('live') > 0,
      () => again.heard,
    );
  });

  it('is not shaken by a signature for a connection that is gone', async () => {
    const proxy = await FaultProxy.start(soketi.port);
    onTestFinished(() => proxy.close());
    let release = (): void => {};
    const asked: string[] = [];
    const authorize: Authorize = async (socketId, channel) => {
      asked.push(socketId);
      if (asked.length === 1) await new Promise<void>((resolve) => (release = resolve));
      return sign(socketId, channel);
    };
    const { heard, listener, count } = ear();
    const opened = client(proxy.host, authorize);
    const errors: unknown[] = [];
    subscriber({ client: opened }).subscribe('c1', listener, never);
    opened.channel('private-chat-c1').bind('pusher:subscription_error', (error: unknown) => errors.push(error));
    await until('the first question', () => asked.length === 1);
    proxy.reset();
    await until(
      'live',
      () => count('live') > 0,
      () => heard,
    );
    release();
    await until('Pusher’s refusal of the old signature', () => errors.length > 0);
    await publish('{"after":"it"}');
    await until(
      'the message',
      () => count('message') > 0,
      () => heard,
    );
    expect(heard.map(([what]) => what)).toEqual(['down', 'live', 'message']);
  });
});

describe('one client', () => {
  it('keeps a chat for those who still follow it, and leaves it with the last one', async () => {
    const shared = client();
    const [one, two] = [ear(), ear()];
    const [first, second] = [new AbortController(), new AbortController()];
    subscriber({ client: shared }).subscribe('c1', one.listener, first.signal);
    await until('live', () => one.count('live') > 0);
    subscriber({ client: shared }).subscribe('c1', two.listener, second.signal);
    await until('live', () => two.count('live') > 0);
    first.abort();
    await publish('{"for":"two"}');
    await until('the message', () => two.count('message') > 0);
    expect(one.count('message')).toBe(0);
    second.abort();
    expect(shared.allChannels()).toEqual([]);
    expect(shared.connection.state).toBe('connected');
  });
});

describe('a silence', () => {
  it('is asked about, as Pusher promises nothing; not in a page that nobody sees, and not after the end', async () => {
    const document = { hidden: false };
    Object.assign(globalThis, { document });
    onTestFinished(() => {
      Reflect.deleteProperty(globalThis, 'document');
    });
    const timers = new Map<object, { callback: () => void; delayMs: number }>();
    const clock = {
      now: Date.now,
      setTimeout(callback: () => void, delayMs: number) {
        const timer = {};
        timers.set(timer, { callback, delayMs });
        return timer;
      },
      clearTimeout: (timer: unknown) => void timers.delete(timer as object),
    };
    /** The time of the only timer comes. */
    const pass = (): void => {
      const [[timer, { callback, delayMs }] = [{}, { callback: () => {}, delayMs: 0 }], ...more] = timers;
      expect([delayMs, more]).toEqual([defaultCheckAfterMs, []]);
      timers.delete(timer);
      callback();
    };
    const { heard, listener, count } = ear();
    const leave = new AbortController();
    subscriber({ client: client(), clock }).subscribe('c1', listener, leave.signal);
    await until(
      'live',
      () => count('live') === 1,
      () => heard,
    );
    pass();
    pass();
    expect(heard).toEqual([['live'], ['live'], ['live']]);
    document.hidden = true;
    pass();
    expect(count('live')).toBe(3);
    document.hidden = false;
    pass();
    expect(count('live')).toBe(4);
    leave.abort();
    expect(timers.size).toBe(0);
  });
});
