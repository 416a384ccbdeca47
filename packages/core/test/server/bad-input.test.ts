import { createChatHandler } from '@chat-transport/core/server';
import { describe, expect, it } from 'vitest';
import { type Answer, createWorld, recordingRealtime, user } from './support.ts';

const messages = [user('m1', 'hello')];

async function errorOf(response: Response): Promise<[number, string]> {
  expect(response.headers.get('cache-control')).toBe('private, no-store, no-transform');
  expect(response.headers.get('content-type')).toBe('application/json');
  return [response.status, ((await response.json()) as Answer).error.code];
}

describe('a send that is malformed', () => {
  const bodies: [string, unknown, number, string][] = [
    ['has no id', { messages }, 400, 'invalid-id'],
    ['has an id with ../', { id: '../x', messages }, 400, 'invalid-id'],
    ['has the id auth', { id: 'auth', messages }, 400, 'invalid-id'],
    ['has an id of 129 characters', { id: 'x'.repeat(129), messages }, 400, 'invalid-id'],
    ['has a bad runId', { id: 'c', messages, runId: 'a b' }, 400, 'invalid-id'],
    ['has a bad clientId', { id: 'c', messages, clientId: 'a/b' }, 400, 'invalid-id'],
    ['has no messages', { id: 'c' }, 400, 'invalid-body'],
    ['has messages and message', { id: 'c', messages, message: messages[0] }, 400, 'invalid-body'],
    ['has messages that are no array', { id: 'c', messages: 'x' }, 400, 'invalid-body'],
    ['has an unknown trigger', { id: 'c', messages, trigger: 'x' }, 400, 'invalid-body'],
    ['has a messageId that is no string', { id: 'c', messages, messageId: 7 }, 400, 'invalid-body'],
    ['has a negative baseTurn', { id: 'c', messages, baseTurn: -1 }, 400, 'invalid-body'],
    ['has no message in it', { id: 'c', messages: [] }, 400, 'invalid-message'],
    ['is a list', [], 400, 'invalid-body'],
    ['is null', null, 400, 'invalid-body'],
  ];
  it.each(bodies)('is refused when it %s', async (_title, body, status, code) => {
    const world = createWorld();
    expect(await errorOf(await world.send(body as object))).toEqual([status, code]);
    expect(world.models).toHaveLength(0);
  });

  it('names the message that is not valid', async () => {
    const world = createWorld();
    const bad = { id: 'm2', role: 'user', parts: [{ type: 'text' }] };
    const response = await world.send({ id: 'c', messages: [...messages, bad] });
    const { error } = (await response.json()) as Answer;
    expect([response.status, error.code]).toEqual([400, 'invalid-message']);
    expect(error.message).toContain('m2');
  });

  it('is refused when it asks for another version of the protocol, and taken for version 1 without one', async () => {
    const world = createWorld();
    expect(await errorOf(await world.fetch('/c?v=2'))).toEqual([400, 'protocol']);
    expect((await world.fetch('/c?v=1')).status).toBe(200);
    expect((await world.fetch('/c')).status).toBe(200);
  });

  it('is refused when it is not JSON, in form or in type', async () => {
    const world = createWorld();
    const headers = { 'content-type': 'application/json' };
    expect(await errorOf(await world.fetch('', { method: 'POST', headers, body: '{"id":' }))).toEqual([
      400,
      'invalid-body',
    ]);
    expect(await errorOf(await world.fetch('', { method: 'POST', headers, body: '' }))).toEqual([400, 'invalid-body']);
    const type = { 'content-type': 'text/plain' };
    expect(await errorOf(await world.fetch('', { method: 'POST', headers: type, body: '{}' }))).toEqual([
      415,
      'unsupported-media-type',
    ]);
  });

  it('of 10 MiB is refused without being read to its end', async () => {
    const world = createWorld();
    let sent = 0;
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        sent += 65_536;
        if (sent > 10 * 1024 * 1024) controller.close();
        else controller.enqueue(new Uint8Array(65_536).fill(32));
      },
    });
    const headers = { 'content-type': 'application/json' };
    const init = { method: 'POST', headers, body, duplex: 'half' } as RequestInit;
    expect(await errorOf(await world.fetch('', init))).toEqual([413, 'too-large']);
    expect(sent).toBeLessThan(5 * 1024 * 1024);
  });

  it('is refused by its announced length alone', async () => {
    const world = createWorld({ maxBodyBytes: 10 });
    expect(await errorOf(await world.send({ id: 'c', messages }))).toEqual([413, 'too-large']);
  });
});

describe('routes', () => {
  it('that do not exist are 404, known ones with another method 405', async () => {
    const world = createWorld();
    for (const path of ['/c/other', '/c/stream/x', '/auth']) {
      expect(await errorOf(await world.fetch(path, { method: 'POST' })), path).toEqual([404, 'not-found']);
    }
    for (const [method, path] of [
      ['GET', ''],
      ['HEAD', '/c'],
      ['PUT', '/c'],
      ['PUT', '/c/stream'],
      ['GET', '/c/command'],
    ] as const) {
      const response = await world.fetch(path, { method });
      expect([response.status, response.headers.get('allow')], `${method} ${path}`).toEqual([405, expect.any(String)]);
    }
    expect((await world.handler(new Request('http://localhost/some/other/page'))).status).toBe(404);
  });

  it('refuse ids that could be paths, whatever the encoding', async () => {
    const world = createWorld();
    for (const path of ['/..%2f..%2fetc', '/%2e%2e%2fx/stream', '/a%00b', '/%E0%A4%A', '/a.b']) {
      expect(await errorOf(await world.fetch(path)), path).toEqual([400, 'invalid-id']);
    }
  });

  it('refuse positions that are none', async () => {
    const world = createWorld();
    const run = await world.send({ id: 'c', messages, runId: 'r1' }, { headers: { accept: 'application/json' } });
    expect(run.status).toBe(202);
    for (const query of ['run=r1&from=-1', 'run=r1&from=1.5', 'run=r1&from=99', 'from=0', 'wait=x', 'follow=x']) {
      expect(await errorOf(await world.fetch(`/c/stream?${query}`)), query).toEqual([400, 'invalid-offset']);
    }
    const headers = { 'last-event-id': 'nonsense' };
    expect(await errorOf(await world.fetch('/c/stream', { headers }))).toEqual([400, 'invalid-offset']);
    expect(await errorOf(await world.fetch('/c/stream?run=../x'))).toEqual([400, 'invalid-id']);
  });

  it('know no run that is unknown, nor one of another chat', async () => {
    const world = createWorld();
    await world.send({ id: 'c', messages, runId: 'r1' }, { headers: { accept: 'application/json' } });
    expect(await errorOf(await world.fetch('/c/stream?run=r2&from=0'))).toEqual([404, 'not-found']);
    expect(await errorOf(await world.fetch('/d/stream?run=r1&from=0'))).toEqual([404, 'not-found']);
    const steer = { id: 's1', runId: 'r1', type: 'steer', parts: [{ type: 'text', text: 'x' }] };
    expect(await errorOf(await world.post('/d/command', steer))).toEqual([404, 'not-found']);
    // A cancel of another chat's run waits there for a run that never comes, and this one goes on.
    await world.command('d', { id: 's2', runId: 'r1', type: 'cancel' });
    expect((await world.state('c')).active.runId).toBe('r1');
  });

  it('refuse commands that are malformed', async () => {
    const world = createWorld();
    const run = { id: 's1', runId: 'r1' };
    expect(await errorOf(await world.post('/c/command', { ...run, type: 'stop' }))).toEqual([400, 'invalid-body']);
    expect(await errorOf(await world.post('/c/command', { id: 's1', type: 'cancel' }))).toEqual([400, 'invalid-id']);
    expect(await errorOf(await world.post('/c/command', { runId: 'r1', type: 'cancel' }))).toEqual([400, 'invalid-id']);
    for (const parts of [undefined, [], 'x', [{ type: 'text' }], [{ type: 'step-start' }]]) {
      expect(await errorOf(await world.post('/c/command', { ...run, type: 'steer', parts }))).toEqual([
        400,
        'invalid-message',
      ]);
    }
    expect(await errorOf(await world.post('/c/command', { ...run, type: 'claim' }))).toEqual([400, 'invalid-id']);
  });
});

describe('a runId that was used', () => {
  it('for another request is 422, for the same one the same run', async () => {
    const world = createWorld();
    const accept = { headers: { accept: 'application/json' } };
    const body = { id: 'c', messages, runId: 'r1', clientId: 'a', baseTurn: 0 };
    const first = await world.send(body, accept);
    // Who sends, and what the app adds, may be other ones at each attempt of one send.
    const again = await world.send({ ...body, clientId: 'b', attempt: 2 }, accept);
    expect([first.status, await first.json()]).toEqual([202, { runId: 'r1', turn: 1 }]);
    expect([again.status, await again.json()]).toEqual([202, { runId: 'r1', turn: 1 }]);
    const other = await world.send({ ...body, messages: [user('m1', 'other')] }, accept);
    expect(await errorOf(other)).toEqual([422, 'run-conflict']);
    expect(world.models).toHaveLength(1);
  });
});

describe('authorize', () => {
  const send = { id: 'c', messages };

  it('is required', () => {
    const options = { log: createWorld().log, respond: () => new ReadableStream() } as Answer;
    expect(() => createChatHandler(options)).toThrow('authorize');
    expect(() => createChatHandler({ authorize: () => true, respond: options.respond })).toThrow('log');
    expect(() => createChatHandler(options)).toThrow(
      expect.objectContaining({ code: 'misconfigured', retryable: false }),
    );
  });

  it('refuses every route, with its own response where it gives one', async () => {
    const asked: string[] = [];
    const refuse = createWorld({ authorize: ({ action, chatId }) => void asked.push(`${action} ${chatId}`) as never });
    const own = createWorld({ authorize: () => new Response('sign in', { status: 401 }) });
    const calls = [
      (world: typeof refuse) => world.send(send),
      (world: typeof refuse) => world.fetch('/c'),
      (world: typeof refuse) => world.fetch('/c/stream'),
      (world: typeof refuse) => world.post('/c/command', { id: 's', runId: 'r', type: 'cancel' }),
    ];
    for (const call of calls) {
      expect(await errorOf(await call(refuse))).toEqual([403, 'forbidden']);
      const response = await call(own);
      expect([response.status, await response.text()]).toEqual([401, 'sign in']);
    }
    expect(asked).toEqual(['send c', 'read c', 'read c', 'command c']);
    expect((await refuse.log.state('c')).turn).toBe(0);
  });

  it('hands the user on, and keeps its own failures to itself', async () => {
    const world = createWorld({ authorize: () => ({ userId: 'u1' }) });
    await world.send({ ...send, extra: { a: 1 } });
    expect((await world.model()).input).toMatchObject({
      userId: 'u1',
      body: { extra: { a: 1 } },
      request: expect.any(Request),
    });

    const broken = createWorld({
      authorize: () => {
        throw new Error('secret of the database');
      },
    });
    const response = await broken.fetch('/c');
    expect(response.status).toBe(500);
    expect(await response.text()).not.toContain('secret');
    expect(broken.events).toEqual([{ type: 'request-failed', error: expect.any(Error) }]);
  });

  it("guards the provider's own credentials", async () => {
    const realtime = recordingRealtime({
      authorize: async (request, allow) => {
        await allow(((await request.json()) as Answer).chatId);
        return Response.json({ token: 't' });
      },
    });
    const world = createWorld({ realtime, authorize: ({ chatId }) => chatId === 'mine' });
    expect(await (await world.post('/auth', { chatId: 'mine' })).json()).toEqual({ token: 't' });
    expect(await errorOf(await world.post('/auth', { chatId: 'yours' }))).toEqual([403, 'forbidden']);
    expect(await errorOf(await world.post('/auth', { chatId: '../x' }))).toEqual([400, 'invalid-id']);
  });
});
