import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { closeCodes, websocketServer } from '../src/server.ts';
import { serve, serveStub } from './support/app.ts';
import { RawClient } from './support/raw-client.ts';
import { until } from './support/until.ts';

const closed = (client: RawClient): Promise<{ code: number; reason: string }> =>
  until('a closed socket', () => client.closed, { saw: () => client.received });
const refused = (client: RawClient): Promise<{ status: number | undefined; text: string }> =>
  until('a refused handshake', () => client.refused, { saw: () => client.socket.readyState });

describe('frames that make no sense', () => {
  const cases: readonly [string, string][] = [
    ['no JSON', 'hello'],
    ['an array', '[]'],
    ['an unknown type', '{"type":"publish","chat":"one","data":"x"}'],
    ['a subscribe without a token', '{"type":"subscribe","ref":1,"chat":"one"}'],
    ['a subscribe without a number', '{"type":"subscribe","chat":"one","token":"x"}'],
    ['a chat id that is a path', '{"type":"subscribe","ref":1,"chat":"../one","token":"x"}'],
    ['a signal without a message', '{"type":"command","ref":1,"chat":"one","run":"r"}'],
    ['a signal for a run id that is a path', '{"type":"command","ref":1,"chat":"one","run":"../../auth","message":{}}'],
    ['a stock request without its id', '{"type":"resume","id":"one","headers":{},"body":{}}'],
  ];
  test.each(cases)('%s closes the socket with 1008', async (_what, text) => {
    const app = await serveStub();
    const client = await app.client().opened();
    client.socket.send(text);
    expect(await closed(client)).toMatchObject({ code: 1008, reason: expect.stringContaining('invalid') });
    expect(app.commands).toHaveLength(0);
  });

  test('a binary frame closes the socket with 1003', async () => {
    const client = await (await serveStub()).client().opened();
    client.socket.send(Buffer.from('{"type":"ping"}'));
    expect(await closed(client)).toEqual({ code: 1003, reason: 'text frames only' });
  });

  test('a frame over maxPayloadBytes closes the socket with 1009, and the server lives on', async () => {
    const app = await serveStub({ maxPayloadBytes: 10_000 });
    const [big, other] = [await app.client().opened(), await app.client().opened()];
    big.socket.send('x'.repeat(10_001));
    expect(await closed(big)).toMatchObject({ code: 1009 });
    other.tell({ type: 'ping' });
    await other.got({ type: 'pong' });
  });
});

describe('too much of everything', () => {
  test('one chat more than a socket may follow is refused, the others go on', async () => {
    const app = await serveStub({ maxSubscriptionsPerConnection: 2 });
    const client = await app.client().opened();
    for (const chat of ['one', 'two']) {
      expect(await client.subscribe(chat, await app.token(chat))).toMatchObject({ type: 'live' });
    }
    expect(await client.subscribe('three', await app.token('three'))).toMatchObject({ code: 'rate-limited' });
    expect(await client.subscribe('one', await app.token('one'), 2)).toMatchObject({ type: 'live' });
    client.tell({ type: 'unsubscribe', chat: 'two' });
    expect(await client.subscribe('three', await app.token('three'), 2)).toMatchObject({ type: 'live' });
  });

  test('a flood of bad subscriptions closes the socket', async () => {
    const client = await (await serveStub()).client().opened();
    for (let ref = 0; ref < 5_000; ref += 1) client.tell({ type: 'subscribe', ref, chat: 'one', token: 'bad' });
    expect(await closed(client)).toEqual({ code: 1008, reason: 'too many refused subscriptions' });
    expect(client.received.length).toBeLessThan(40);
  });

  test('a stranger who sends much and reads nothing is cut off', async () => {
    const client = await (await serveStub({ maxBufferedBytes: 64 * 1024 })).client().opened();
    client.socket.pause();
    const invalid = JSON.stringify({ type: 'send', requestId: 'r', id: 'one', messages: 'x'.repeat(100_000) });
    for (let count = 0; count < 200; count += 1) client.socket.send(invalid);
    for (let count = 0; count < 20_000; count += 1)
      client.tell({ type: 'send', requestId: `${count}`.repeat(40), id: 'one' });
    await until('a connection that is gone', () => client.socket.bufferedAmount === 0 || client.closed);
    client.socket.resume();
    await closed(client);
  });

  test('an error names no more of what was sent than its beginning', async () => {
    const client = await (await serveStub()).client().opened();
    client.tell({ type: 'send', requestId: 'r', id: 'one', messages: 'x'.repeat(100_000) });
    const { errorText } = (await client.got({ type: 'error', requestId: 'r' })) as unknown as { errorText: string };
    expect(errorText.length).toBeLessThan(2_000);
  });

  test('a client that asks and asks and never reads is cut off', async () => {
    const app = await serveStub({ maxBufferedBytes: 1_000, maxMessageBytes: 1_000 });
    const client = await app.client().opened();
    await client.subscribe('one', await app.token('one'));
    client.socket.pause();
    const deadline = Date.now() + 45_000;
    // The server runs in this process: it must get its turn to read what was sent.
    while (app.realtime.connectionCount > 0 && Date.now() < deadline) {
      for (let i = 0; i < 1_000; i += 1) client.tell({ type: 'ping' });
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(app.realtime.connectionCount).toBe(0);
  });

  test('a socket that never subscribes is closed, one that did may be idle', async () => {
    const app = await serveStub({ subscribeTimeoutMs: 1_000 });
    const token = await app.token('one');
    const used = await app.client().opened();
    await used.subscribe('one', token);
    used.tell({ type: 'unsubscribe', chat: 'one' });
    const idle = await app.client().opened();
    expect(await closed(idle)).toEqual({
      code: closeCodes.subscribeTimeout,
      reason: 'no subscription within 1000 ms',
    });
    used.tell({ type: 'ping' });
    await used.got({ type: 'pong' });
  });

  test('connections over the limit of one address are answered 429, over the total 503, and room is made by closing', async () => {
    const app = await serveStub({
      maxConnections: 3,
      maxConnectionsPerAddress: 2,
      clientAddress: (request) => String(request.headers['x-address']),
    });
    const first = await app.client({ 'x-address': 'a' }).opened();
    await app.client({ 'x-address': 'a' }).opened();
    expect(await refused(app.client({ 'x-address': 'a' }))).toMatchObject({
      status: 429,
      text: expect.stringContaining('maxConnectionsPerAddress'),
    });
    await app.client({ 'x-address': 'b' }).opened();
    expect(await refused(app.client({ 'x-address': 'b' }))).toMatchObject({ status: 503 });
    first.socket.close();
    await until('room', () => app.realtime.connectionCount === 2);
    await app.client({ 'x-address': 'a' }).opened();
  });

  test('a message over maxMessageBytes is not published', async () => {
    const app = await serveStub({ maxMessageBytes: 10 });
    await expect(app.publish('one', 'ü'.repeat(6))).rejects.toMatchObject({ code: 'too-large' });
  });
});

describe('who may connect', () => {
  test('pages of the same host and clients that are no browsers, but no foreign page', async () => {
    const app = await serveStub();
    await app.client({ origin: app.origin }).opened();
    await app.client().opened();
    for (const origin of ['https://evil.example', 'null', `${app.origin}.evil.example`, 'http://127.0.0.1']) {
      expect(await refused(app.client({ origin }))).toMatchObject({ status: 403 });
    }
  });

  test('with allowedOrigins, exactly those', async () => {
    const app = await serveStub({ allowedOrigins: ['https://app.example'] });
    await app.client({ origin: 'https://app.example' }).opened();
    expect(await refused(app.client({ origin: app.origin }))).toMatchObject({ status: 403 });
  });

  test('with allowedOrigins *, every page', async () => {
    const app = await serveStub({ allowedOrigins: '*' });
    await app.client({ origin: 'https://any.example' }).opened();
  });
});

describe('beside other things on one HTTP server', () => {
  test('leaves upgrades on other paths to their own listener', async () => {
    const app = await serveStub();
    app.http.on('upgrade', (request, socket) => {
      if (request.url === '/hmr') socket.end('HTTP/1.1 418 Mine\r\nContent-Length: 4\r\n\r\nmine');
    });
    const client = new RawClient(app.socketUrl.replace('/api/chat/socket', '/hmr'));
    expect(await refused(client)).toMatchObject({ status: 418, text: 'mine' });
  });

  test('answers 404 on other paths where nobody else would answer, however odd the path', async () => {
    const app = await serveStub();
    const client = new RawClient(app.socketUrl.replace('/socket', '/other'));
    expect(await refused(client)).toMatchObject({ status: 404 });
    for (const path of ['//', 'http://[', '/%']) {
      const raw = connect(Number(new URL(app.origin).port), '127.0.0.1');
      let text = '';
      raw.on('data', (data) => {
        text += data;
      });
      raw.write(`GET ${path} HTTP/1.1\r\nHost: [\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`);
      await until('an answer', () => text.startsWith('HTTP/1.1 404'), { saw: () => text });
      raw.destroy();
    }
  });

  test('follows the handler’s own base path, or the path it is given', async () => {
    const realtime = websocketServer();
    realtime.connect({
      api: '/v2/talk',
      handle: async () => new Response(),
      follow: async () => {},
      newest: async () => ({ turn: 0 }),
      stream: async () => new Response(),
    });
    const app = await serve(realtime, async () => new Response());
    const url = (path: string): string => app.socketUrl.replace('/api/chat/socket', path);
    const second = createServer() as Server;
    realtime.attach(second, { path: '/live' });
    await new Promise<void>((resolve) => second.listen(0, '127.0.0.1', resolve));
    const { port } = second.address() as AddressInfo;
    const clients = [new RawClient(url('/v2/talk/socket?a=b')), new RawClient(`ws://127.0.0.1:${port}/live`)];
    await Promise.all(clients.map((client) => client.opened()));
    await realtime.close();
    await Promise.all(clients.map(closed));
    await new Promise((resolve) => second.close(resolve));
  });

  test('stands alone with listen: sockets, and 426 for the rest', async () => {
    const realtime = websocketServer();
    realtime.connect({
      api: '/api/chat',
      handle: async () => new Response(),
      follow: async () => {},
      newest: async () => ({ turn: 0 }),
      stream: async () => new Response(),
    });
    const { port } = await realtime.listen({ host: '127.0.0.1' });
    onTestFinished(() => realtime.close());
    const client = await new RawClient(`ws://127.0.0.1:${port}/api/chat/socket`).opened();
    expect((await fetch(`http://127.0.0.1:${port}/`)).status).toBe(426);
    await expect(websocketServer().listen({ host: '127.0.0.1', port })).rejects.toMatchObject({ code: 'EADDRINUSE' });
    await realtime.close();
    expect((await closed(client)).code).toBe(closeCodes.goingAway);
  });
});

describe('close', () => {
  test('says goodbye to every socket, takes no new one, can be called twice and leaves no timer', async () => {
    const ticks = { app: 0, other: 0 };
    const tick = (name: keyof typeof ticks) => () => {
      ticks[name] += 1;
      return Date.now();
    };
    const app = await serveStub({ heartbeatMs: 40, now: tick('app') });
    const other = await serveStub({ heartbeatMs: 40, now: tick('other') });
    await other.client().opened();
    const clients = await Promise.all([1, 2, 3].map(() => app.client().opened()));
    await clients[0]?.subscribe('one', await app.token('one'));
    await Promise.all([app.realtime.close(), app.realtime.close()]);
    expect(app.realtime.connectionCount).toBe(0);
    for (const client of clients) expect((await closed(client)).code).toBe(closeCodes.goingAway);
    await app.publish('one', 'nobody hears it');
    const late = new RawClient(app.socketUrl);
    await until('a failed handshake', () => late.refused ?? late.closed);
    // The other server's clock is read by its timer: when that has run on, this one's would have too.
    const before = { ...ticks };
    await until('ticks of the other server', () => ticks.other >= before.other + 10, { saw: () => ticks });
    expect(ticks.app).toBe(before.app);
  });

  test('ends a socket whose other side does not answer', async () => {
    const app = await serveStub();
    const client = await app.client().opened();
    client.socket.pause();
    await app.realtime.close();
    expect(app.realtime.connectionCount).toBe(0);
  });
});
