import { FaultProxy } from '@chat-transport/contract';
import { until } from '@chat-transport/local-services';
import { type ClientOptions, Realtime, type RealtimeChannel, Rest } from 'ably';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { ably } from '../src/server.ts';
import { type AblyService, localOptions, serviceName, startService } from './support/ably-service.ts';

// What the provider relies on. The same checks run against the emulator, against an independent server, and against Ably itself.

let service: AblyService;
beforeAll(async () => {
  service = await startService();
});
afterAll(() => service.close());

const local = (port = service.port) => ({ ...localOptions('127.0.0.1', port), disconnectedRetryTimeout: 250 });

function connect(options: ClientOptions = {}, port = service.port): Realtime {
  const credential = options.authCallback ? {} : { key: service.key };
  const client = new Realtime({ ...local(port), ...credential, ...options });
  onTestFinished(() => client.close());
  return client;
}

/** A client whose tokens our own server signs, for the channels that it is asked for. */
function connectWithToken(chatIds: () => string[], options: ClientOptions & { ttlMs?: number } = {}) {
  const { ttlMs = 600_000, ...rest } = options;
  const server = ably({ client: new Rest({ ...local(), key: service.key }), tokenTtlMs: ttlMs });
  const client = connect({
    ...rest,
    authCallback: async (_parameters, callback) => {
      client.tokens += 1;
      const body = JSON.stringify({ chatIds: chatIds() });
      const headers = { 'content-type': 'application/json' };
      const request = new Request('http://localhost/auth', { method: 'POST', headers, body });
      const response = await server.authorize(request, async () => {});
      callback(null, ((await response.json()) as { token: string }).token);
    },
  }) as Realtime & { tokens: number };
  client.tokens = 0;
  return client;
}

const name = (): string => crypto.randomUUID();
const channelOf = (chatId: string): string => `chat:${chatId}`;

async function listen(channel: RealtimeChannel): Promise<unknown[]> {
  const seen: unknown[] = [];
  await channel.subscribe(({ data }) => seen.push(data));
  return seen;
}

const sentinel = async (publisher: Realtime, channel: string, seen: unknown[]): Promise<void> => {
  await publisher.channels.get(channel).publish('frame', 'sentinel');
  await until(
    'the sentinel',
    () => seen.includes('sentinel'),
    () => seen,
  );
};

describe.each([false, true])('with msgpack: %s', (useBinaryProtocol) => {
  it('brings what an unattached client publishes, in order, while nothing is awaited', async () => {
    const chat = name();
    const seen = await listen(connect({ useBinaryProtocol }).channels.get(chat));
    const channel = connect({ useBinaryProtocol }).channels.get(chat);
    const texts = Array.from({ length: 40 }, (_, index) => `${index} ü`);
    await Promise.all(texts.map((text) => channel.publish('frame', text)));
    await until(
      'all',
      () => seen.length === 40,
      () => seen,
    );
    expect(seen).toEqual(texts);
    expect(channel.state).toBe('initialized');
  });

  it('subscribes with a token, for exactly its channels, and publishes nothing', async () => {
    const chat = name();
    const client = connectWithToken(() => [chat], { useBinaryProtocol });
    const channel = client.channels.get(channelOf(chat));
    await channel.attach();
    await expect(channel.publish('frame', 'x')).rejects.toMatchObject({ code: 40160 });
    await expect(client.channels.get(channelOf(name())).attach()).rejects.toMatchObject({ code: 40160 });
    expect(client.connection.state).toBe('connected');
    expect(channel.state).toBe('attached');
  });
});

it('takes a message with a known id for the same one, over both APIs', async () => {
  const chat = name();
  const publisher = connect();
  const seen = await listen(connect().channels.get(chat));
  const message = { id: 'run-0-5', name: 'frame', data: 'once' };
  await publisher.channels.get(chat).publish(message);
  await publisher.channels.get(chat).publish(message);
  await new Rest({ ...local(), key: service.key }).channels.get(chat).publish(message);
  await sentinel(publisher, chat, seen);
  expect(seen).toEqual(['once', 'sentinel']);
});

it('does not bring a client its own messages where it asks for none', async () => {
  const chat = name();
  const client = connect({ echoMessages: false });
  const seen = await listen(client.channels.get(chat));
  await client.channels.get(chat).publish('frame', 'own');
  await sentinel(connect(), chat, seen);
  expect(seen).toEqual(['sentinel']);
});

it('brings what was published while a connection was away, and says that nothing was lost', async () => {
  const chat = name();
  const proxy = await FaultProxy.start(service.port);
  onTestFinished(() => proxy.close());
  const client = connect({}, proxy.port);
  const channel = client.channels.get(chat);
  const seen = await listen(channel);
  const attached: boolean[] = [];
  channel.on('attached', ({ resumed }) => attached.push(resumed));
  const publisher = connect();
  await publisher.channels.get(chat).publish('frame', 'before');
  proxy.cut();
  await until('a lost connection', () => client.connection.state === 'disconnected');
  await publisher.channels.get(chat).publish('frame', 'meanwhile');
  proxy.restore();
  await sentinel(publisher, chat, seen);
  expect(seen).toEqual(['before', 'meanwhile', 'sentinel']);
  expect(attached).toEqual([true]);
});

// Nobody can restart Ably itself.
it.skipIf(serviceName === 'live')('says after a restart of the service that something was lost', async () => {
  const channel = connect().channels.get(name());
  await channel.attach();
  const attached: boolean[] = [];
  channel.on(['attached', 'update'], ({ resumed }) => attached.push(resumed));
  await service.restart?.();
  await until('an attached channel', () => attached.length > 0);
  expect(attached).toEqual([false]);
});

it('keeps the connection and the first chat while a second one is added to its token', async () => {
  const [first, second] = [name(), name()];
  let chats = [first];
  const client = connectWithToken(() => chats);
  const seen = await listen(client.channels.get(channelOf(first)));
  const { id } = client.connection;
  const changes: string[] = [];
  client.connection.on(({ current }) => changes.push(current));
  client.channels.get(channelOf(first)).on(({ current }) => changes.push(current));
  chats = [first, second];
  await client.auth.authorize();
  await client.channels.get(channelOf(second)).attach();
  await sentinel(connect(), channelOf(first), seen);
  expect(client.connection.id).toBe(id);
  expect(changes.filter((change) => change !== 'connected')).toEqual([]);
});

it('goes on with another token when one has expired', async () => {
  const chat = name();
  const client = connectWithToken(() => [chat], { ttlMs: 2000 });
  const seen = await listen(client.channels.get(channelOf(chat)));
  await until('a second token', () => client.tokens > 1);
  await until('a connection', () => client.connection.state === 'connected');
  await sentinel(connect(), channelOf(chat), seen);
});

it('uses parameters that were set before an implicit attach', async () => {
  const chat = name();
  const publisher = connect();
  await publisher.channels.get(chat).attach();
  await publisher.channels.get(chat).publish('frame', 'earlier');
  const channel = connect().channels.get(chat);
  await channel.setOptions({ params: { rewind: '1' } });
  const seen = await listen(channel);
  await until(
    'the earlier message',
    () => seen.includes('earlier'),
    () => seen,
  );
  expect(channel.params).toMatchObject({ rewind: '1' });
});

it('refuses a wrong key for good', async () => {
  const client = connect({ key: service.key.replace(/:.*/s, ':wrong') });
  await until('a failed connection', () => client.connection.state === 'failed');
  expect(client.connection.errorReason).toMatchObject({ statusCode: 401 });
});

it('refuses a message that is too large', async () => {
  const channel = connect().channels.get(name());
  await expect(channel.publish('frame', 'x'.repeat(66_000))).rejects.toMatchObject({ code: 40009 });
});

// sockudo takes ids and names of any form.
it.skipIf(serviceName === 'sockudo')('refuses malformed ids and names', async () => {
  const channel = connect().channels.get(name());
  await expect(channel.publish({ id: 'run:7', data: 'x' })).rejects.toMatchObject({ code: 40031 });
  await expect(connect().channels.get('[x').attach()).rejects.toMatchObject({ code: 40010 });
});

it('keeps history from those whose token does not allow it', async () => {
  const chat = name();
  const client = connectWithToken(() => [chat]);
  await expect(client.channels.get(channelOf(chat)).history()).rejects.toMatchObject({ code: 40160 });
});
