import { describe, expect, onTestFinished, test } from 'vitest';
import { type WebSocketServerOptions, websocketServer } from '../src/server.ts';
import { serve, type TestApp } from './support/app.ts';
import type { RawClient } from './support/raw-client.ts';
import { until } from './support/until.ts';

const frame = (type: 'send' | 'resume', requestId: string, more: object = {}): object => ({
  type,
  requestId,
  id: 'one',
  headers: {},
  body: {},
  ...(type === 'send' && {
    trigger: 'submit-message',
    messages: [{ id: 'm', role: 'user', parts: [{ type: 'text', text: 'Hi' }] }],
  }),
  ...more,
});
const events = (...data: string[]): Response =>
  new Response(data.map((each) => `data: ${each}\n\n`).join(''), { headers: { 'content-type': 'text/event-stream' } });

async function serveWith(
  handle: (request: Request) => Promise<Response>,
  options?: WebSocketServerOptions,
): Promise<TestApp> {
  const realtime = websocketServer(options);
  realtime.connect({
    api: '/api/chat',
    handle,
    follow: async () => {},
    newest: async () => ({ turn: 0 }),
    stream: handle,
  });
  return serve(realtime, handle);
}

test('a stream that stops without its end is an error, never a finished answer', async () => {
  const app = await serveWith(async () => events('{"type":"start"}'));
  const client = await app.client().opened();
  client.tell(frame('send', 'a'));
  expect(await client.got({ type: 'error', requestId: 'a' })).toMatchObject({
    errorText: expect.stringContaining('network'),
  });
  expect(client.received).not.toContainEqual(expect.objectContaining({ type: 'end' }));
});

test('chunks go on as they are, unknown fields included, numbered from 0', async () => {
  const chunks = ['{"type":"start","messageId":"x"}', '{"type":"x-future","deep":{"a":[1,"\\u2028"]}}'];
  const app = await serveWith(async () => events(...chunks, '[DONE]'));
  const client = await app.client().opened();
  client.tell(frame('resume', 'a'));
  await client.got({ type: 'end' });
  expect(client.received).toEqual([
    { type: 'start', requestId: 'a' },
    ...chunks.map((chunk, sequence) => ({ type: 'chunk', requestId: 'a', sequence, chunk: JSON.parse(chunk) })),
    { type: 'end', requestId: 'a' },
  ]);
});

test('what the handler refuses is that request’s error, in the handler’s words', async () => {
  const app = await serveWith(async () =>
    Response.json({ error: { code: 'busy', message: 'Busy.' } }, { status: 409 }),
  );
  const client = await app.client().opened();
  client.tell(frame('send', 'a'));
  expect(await client.got({ requestId: 'a' })).toEqual({ type: 'error', requestId: 'a', errorText: 'Busy.' });
});

test('messages that the AI SDK refuses are that request’s error, and the socket’s other requests go on', async () => {
  const app = await serveWith(async () => events('[DONE]'));
  const client = await app.client().opened();
  client.tell(frame('send', 'a', { messages: [{ id: 'm', role: 'nobody' }] }));
  expect(await client.got({ requestId: 'a' })).toMatchObject({
    type: 'error',
    errorText: expect.stringContaining('Invalid'),
  });
  client.tell(frame('send', 'b'));
  await client.got({ requestId: 'b', type: 'end' });
});

test('a handler that throws is an error without details', async () => {
  const app = await serveWith(() => Promise.reject(new Error('password=1')));
  const client = await app.client().opened();
  client.tell(frame('send', 'a'));
  expect(await client.got({ requestId: 'a' })).toMatchObject({ type: 'error', errorText: 'The chat request failed.' });
});

test('the request carries the handshake’s headers and query, the frame’s headers and body, and nothing a page could not send', async () => {
  const requests: Request[] = [];
  const app = await serveWith(
    async (request) => {
      requests.push(request);
      return events('[DONE]');
    },
    { frameHeaders: ['X-App', 'x-forwarded-user'] },
  );
  const realUrl = app.socketUrl;
  const client = app.client({ cookie: 'session=1', 'x-forwarded-user': 'ann', authorization: 'old' });
  await client.opened();
  client.tell(
    frame('send', 'a', {
      headers: {
        authorization: 'new',
        'x-app': '1',
        cookie: 'session=2',
        'X-Forwarded-User': 'root',
        'x-auth-request-user': 'root',
        accept: 'application/json',
      },
      body: { model: 'm', id: 'other' },
      metadata: { a: 1 },
    }),
  );
  await client.got({ type: 'end' });
  const [request] = requests;
  expect(request?.method).toBe('POST');
  expect(new URL(request?.url ?? '').pathname).toBe('/api/chat');
  expect(realUrl).toContain(new URL(request?.url ?? '').host);
  expect(Object.fromEntries(request?.headers ?? [])).toMatchObject({
    'content-type': 'application/json',
    cookie: 'session=1',
    'x-forwarded-user': 'ann',
    authorization: 'new',
    'x-app': '1',
  });
  expect(request?.headers.has('x-auth-request-user')).toBe(false);
  expect(request?.headers.has('accept')).toBe(false);
  expect(request?.headers.has('sec-websocket-key')).toBe(false);
  expect(await request?.json()).toMatchObject({
    model: 'm',
    id: 'one',
    metadata: { a: 1 },
    trigger: 'submit-message',
    runId: expect.any(String),
  });
});

describe('limits', () => {
  test('one request more than a socket may have open is refused, and room is made by an end', async () => {
    const release: (() => void)[] = [];
    const app = await serveWith(
      async (request) => {
        if (request.url.endsWith('/command')) return Response.json({ outcome: 'delivered' });
        await new Promise<void>((resolve) => release.push(resolve));
        return events('[DONE]');
      },
      { maxRequestsPerConnection: 2 },
    );
    const client = await app.client().opened();
    for (const id of ['a', 'b', 'c']) client.tell(frame('send', id));
    expect(await client.got({ requestId: 'c' })).toMatchObject({
      type: 'error',
      errorText: expect.stringContaining('2'),
    });
    release[0]?.();
    await client.got({ requestId: 'a', type: 'end' });
    client.tell(frame('send', 'd'));
    await until('the fourth request', () => release.length === 3);
    for (const each of release) each();
    await client.got({ requestId: 'd', type: 'end' });
  });

  test('a request id that is in use closes the socket', async () => {
    const app = await serveWith(() => new Promise(() => {}));
    const client = await app.client().opened();
    client.tell(frame('send', 'a'));
    client.tell(frame('send', 'a'));
    expect(await until('a closed socket', () => client.closed)).toMatchObject({ code: 1008 });
  });

  test('a chat id that is a path, and a position to resume from, are refused', async () => {
    const app = await serveWith(async () => events('[DONE]'));
    const client = await app.client().opened();
    client.tell(frame('resume', 'a', { id: '../auth' }));
    expect(await client.got({ requestId: 'a' })).toMatchObject({ type: 'error' });
    client.tell(frame('resume', 'b', { lastSequence: 3 }));
    expect(await client.got({ requestId: 'b' })).toMatchObject({ type: 'error' });
  });

  test('a client that stops reading stops the reading of its answer', async () => {
    // All of them are far more than the buffers of the network between the two hold.
    const chunks = 800;
    let made = 0;
    const chunk = `data: {"type":"text-delta","id":"1","delta":"${'x'.repeat(64 * 1024)}"}\n\n`;
    const body = (): ReadableStream<Uint8Array> =>
      new ReadableStream({
        pull(controller) {
          made += 1;
          controller.enqueue(new TextEncoder().encode(made > chunks ? 'data: [DONE]\n\n' : chunk));
        },
      });
    const app = await serveWith(async () => new Response(body()), { maxBufferedBytes: 128 * 1024 });
    const client = await app.client().opened();
    client.socket.pause();
    client.tell(frame('send', 'a'));
    let before = -1;
    let isStill = false;
    const settled = setInterval(() => {
      // A server that waits for its client has more to write than the network takes. A process that was stalled has not.
      isStill = made === before && [...app.connections].some(({ writableLength }) => writableLength > 0);
      before = made;
    }, 250);
    onTestFinished(() => clearInterval(settled));
    await until('a standstill', () => isStill, { deadlineMs: 45_000, saw: () => made });
    expect(made).toBeLessThan(chunks / 2);
    for (const socket of app.connections) expect(socket.writableLength).toBeLessThan(128 * 1024 + 70_000);
    client.socket.resume();
    await until('the end', () => client.received.length > chunks, {
      deadlineMs: 45_000,
      saw: () => client.received.length,
    });
    await client.got({ type: 'end' });
  });
});

describe('leaving before the answer', () => {
  const abort = async (client: RawClient): Promise<void> => {
    client.received.length = 0;
    client.tell({ type: 'abort', requestId: 'a' });
    client.tell({ type: 'ping' });
    await client.got({ type: 'pong' });
  };
  async function leaveEarly(
    type: 'send' | 'resume',
    leave: (client: RawClient) => Promise<void>,
  ): Promise<{ cancelled: string[]; sent: unknown; detached: boolean }> {
    const seen = { cancelled: [] as string[], sent: undefined as unknown, detached: false };
    let answer = (_response: Response): void => {};
    const app = await serveWith(async (request) => {
      const body = request.method === 'POST' ? await request.json() : {};
      if (request.url.endsWith('/command')) {
        seen.cancelled.push(body.runId);
        return Response.json({ outcome: 'delivered' });
      }
      seen.sent = body.runId;
      return new Promise((resolve) => {
        answer = resolve;
      });
    });
    const client = await app.client().opened();
    client.tell(frame(type, 'a'));
    client.tell({ type: 'ping' });
    await client.got({ type: 'pong' });
    await leave(client);
    const body = new ReadableStream({
      cancel: () => {
        seen.detached = true;
      },
    });
    answer(new Response(body, { headers: { 'x-chat-run-id': 'joined' } }));
    await until('a detached stream', () => seen.detached);
    return seen;
  }

  test('by an abort of a send cancels its run, and the one that the send turned out to join', async () => {
    const seen = await leaveEarly('send', abort);
    await until('two cancels', () => seen.cancelled.length === 2, { saw: () => seen });
    expect(seen.cancelled).toEqual([seen.sent, 'joined']);
  });

  test('by an abort of a resume cancels nothing: it is a page that goes away', async () => {
    const seen = await leaveEarly('resume', abort);
    expect(seen.cancelled).toEqual([]);
  });

  test('by a socket that closes cancels nothing', async () => {
    const seen = await leaveEarly('send', async (client) => {
      client.socket.close();
      await until('a closed socket', () => client.closed);
    });
    expect(seen.cancelled).toEqual([]);
  });
});
