import { Realtime, Rest } from 'ably';
import { expect, it, onTestFinished } from 'vitest';
import { type AblyEmulator, type AblyEmulatorOptions, startAblyEmulator, until } from '../src/index.ts';

// What Ably refuses. What it does is checked in packages/ably, where the same checks run against other servers too.

async function start(options: AblyEmulatorOptions = {}): Promise<AblyEmulator> {
  const emulator = await startAblyEmulator(options);
  onTestFinished(() => emulator.close());
  return emulator;
}

const local = (emulator: AblyEmulator) => ({
  ...{ endpoint: '127.0.0.1', port: emulator.port, tls: false, disableConnectivityCheck: true, fallbackHosts: [] },
  ...{ key: emulator.keys[0] ?? '', logLevel: 0 },
});

function connect(emulator: AblyEmulator, options: object = {}): Realtime {
  const client = new Realtime({ ...local(emulator), ...options });
  onTestFinished(() => client.close());
  return client;
}

it.each([false, true])(
  'refuses what one connection publishes beyond its rate, and stays (msgpack: %s)',
  async (useBinaryProtocol) => {
    const emulator = await start({ limits: { connectionPublishesPerSecond: 5 }, now: () => 0 });
    const client = connect(emulator, { useBinaryProtocol });
    const publishes = Array.from({ length: 6 }, (_, index) => client.channels.get(`c${index}`).publish('a', 'b'));
    const outcomes = await Promise.allSettled(publishes);
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(5);
    expect(outcomes.at(-1)).toMatchObject({ reason: { code: 42911, statusCode: 429 } });
    expect(client.connection.state).toBe('connected');
  },
);

it('refuses what all connections publish to one channel beyond its rate', async () => {
  const emulator = await start({ limits: { channelPublishesPerSecond: 2 }, now: () => 0 });
  const [first, second] = [connect(emulator), connect(emulator)];
  await first.channels.get('c').publish('a', '1');
  await second.channels.get('c').publish('a', '2');
  await expect(first.channels.get('c').publish('a', '3')).rejects.toMatchObject({ code: 42913 });
  await expect(second.channels.get('d').publish('a', '3')).resolves.toBeDefined();
});

it('ends a connection that publishes twenty times its rate, until the client connects again', async () => {
  const emulator = await start({ limits: { connectionPublishesPerSecond: 1 }, now: () => 0 });
  const client = connect(emulator);
  const publishes = Array.from({ length: 21 }, () => client.channels.get('c').publish('a', 'b'));
  void Promise.allSettled(publishes);
  await until('a failed connection', () => client.connection.state === 'failed');
  expect(client.connection.errorReason).toMatchObject({ code: 42921 });
  client.connect();
  await until('a connection', () => client.connection.state === 'connected');
});

it('drops what is above a connection’s rate of deliveries, and says so', async () => {
  const emulator = await start({ limits: { deliveriesPerSecond: 3 } });
  const channel = connect(emulator).channels.get('c');
  const seen: unknown[] = [];
  await channel.subscribe(({ data }) => seen.push(data));
  const updates: unknown[] = [];
  channel.on('update', ({ resumed, reason }) => updates.push([resumed, reason?.code]));
  const publisher = connect(emulator);
  await Promise.all(['1', '2', '3', '4', '5'].map((data) => publisher.channels.get('c').publish('a', data)));
  await until('an update', () => updates.length > 0);
  expect(updates).toEqual([[false, 80020]]);
  expect(seen).toEqual(['1', '2', '3']);
  await publisher.channels.get('c').publish('a', '6');
  await until('the next message', () => seen.includes('6'));
});

it('attaches no more channels to a connection than it may have', async () => {
  const emulator = await start({ limits: { channelsPerConnection: 2 } });
  const client = connect(emulator);
  await client.channels.get('1').attach();
  await client.channels.get('2').attach();
  await expect(client.channels.get('3').attach()).rejects.toMatchObject({ code: 90010 });
  await client.channels.get('1').detach();
  await client.channels.get('4').attach();
});

it('takes no more connections than the app may have', async () => {
  const emulator = await start({ limits: { connections: 1 } });
  await connect(emulator).connection.whenState('connected');
  const second = connect(emulator);
  await until('a failed connection', () => second.connection.state === 'failed');
  expect(second.connection.errorReason).toMatchObject({ code: 40111 });
});

it('makes a client whose token was revoked bring another', async () => {
  const emulator = await start();
  const rest = new Rest(local(emulator));
  let tokens = 0;
  const { key: _key, ...keyless } = local(emulator);
  const client = new Realtime({
    ...keyless,
    authCallback: async (_params, callback) => {
      tokens += 1;
      callback(null, await rest.auth.requestToken());
    },
  });
  onTestFinished(() => client.close());
  await client.connection.whenState('connected');
  emulator.revokeTokens();
  await until('a second token', () => tokens === 2);
  await client.connection.whenState('connected');
});

it('answers more REST requests than an account may make with 42910', async () => {
  const emulator = await start({ now: () => 0 });
  const rest = new Rest(local(emulator));
  const outcomes = await Promise.allSettled(Array.from({ length: 51 }, () => rest.channels.get('c').history()));
  expect(outcomes.filter(({ status }) => status === 'rejected')).toMatchObject([{ reason: { code: 42910 } }]);
});
