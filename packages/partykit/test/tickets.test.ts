import type { ChatPermission } from '@chat-transport/core/provider';
import { SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { defaultMaxConnectionsPerUser } from '../src/server/chat-server-options.ts';
import { ticketsOf } from '../src/ticket.ts';
import { handshake, RawSocket } from './support/raw-socket.ts';
import { secret, Workerd } from './support/workerd.ts';

let workerd: Workerd;
let chats = 0;

beforeAll(async () => {
  workerd = await Workerd.start({ answers: true });
});
afterAll(() => workerd.stop());

const ticketFor = (chatId: string, ...may: ChatPermission[]): Promise<string> =>
  ticketsOf(secret).sign({ chatId, may });
const addressOf = (chatId: string, ticket?: string): string =>
  `${workerd.url}/${chatId}/socket${ticket === undefined ? '' : `?ticket=${ticket}`}`;
const newChat = (): string => `chat-${++chats}`;

async function open(chatId: string, ...may: ChatPermission[]): Promise<RawSocket> {
  const socket = await RawSocket.open(addressOf(chatId, await ticketFor(chatId, ...may)));
  onTestFinished(() => socket.close());
  return socket;
}

/** Begins an answer over HTTP and answers its run's id. */
async function ask(chatId: string): Promise<string> {
  const message = { id: crypto.randomUUID(), role: 'user', parts: [{ type: 'text', text: 'hi' }] };
  const response = await post('', { id: chatId, messages: [message] }, { accept: 'application/json' });
  return ((await response.json()) as { runId: string }).runId;
}

function post(path: string, body: object, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${workerd.url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
}

describe('a request', () => {
  test('is never asked for a ticket of its own: what it brings under that name is replaced', async () => {
    const headers = { 'x-chat-ticket': await ticketFor('another', 'read') };
    const response = await fetch(`${workerd.url}/${newChat()}`, { headers });
    expect([response.status, await response.json()]).toEqual([200, { turn: 0 }]);
  });
});

describe('a socket', () => {
  const bad: readonly [string, () => Promise<string | undefined> | string | undefined][] = [
    ['without a ticket', () => undefined],
    ['with nonsense', () => 'nonsense'],
    ['with a ticket for another chat', () => ticketFor('another', 'read')],
    [
      'with a ticket of another secret',
      () => ticketsOf(secret.replace('a ', 'no')).sign({ chatId: 'bad', may: ['read'] }),
    ],
    ['with a ticket that is over', () => jwt({ exp: Math.floor(Date.now() / 1000) - 60 })],
    ['with a ticket that never ends', () => jwt({})],
    ['with a ticket for something else', () => jwt({ exp: Math.floor(Date.now() / 1000) + 60, aud: 'elsewhere' })],
    ['with an unsigned ticket', () => unsigned()],
  ];
  test.each(bad)('%s is refused, and no object is reached', async (_what, ticket) => {
    expect(await handshake(addressOf('bad', await ticket()))).toBe(401);
    const { requests } = await workerd.seen();
    expect(requests.filter((each) => each.includes('/bad/'))).toEqual([]);
  });

  test('is live after its handshake', async () => {
    const chatId = newChat();
    expect(await handshake(addressOf(chatId, await ticketFor(chatId, 'read')))).toBe(101);
    const socket = await open(chatId, 'read');
    expect(await socket.got('live')).toBe('{"type":"live"}');
    socket.send('ping');
    await socket.got('pong');
  });

  test('is one of a limited number for a user, and the others’ are not counted', async () => {
    const chatId = newChat();
    const of = async (userId: string): Promise<string> =>
      addressOf(chatId, await ticketsOf(secret).sign({ chatId, may: ['read'], userId }));
    const address = await of('ann');
    for (let count = 0; count < defaultMaxConnectionsPerUser; count += 1) {
      const socket = await RawSocket.open(address);
      onTestFinished(() => socket.close());
    }
    expect(await handshake(address)).toBe(429);
    expect(await handshake(await of('bob'))).toBe(101);
  });

  test('past the Worker’s gate is refused as well: the object asks for the ticket too', async () => {
    const chatId = newChat();
    expect(await handshake(`${addressOf(chatId, 'nonsense')}&chat=${chatId}`)).toBe(401);
    expect(await handshake(`${addressOf(chatId, await ticketFor('another', 'read'))}&chat=${chatId}`)).toBe(401);
    expect(await handshake(`${addressOf(chatId, await ticketFor(chatId, 'read'))}&chat=${chatId}`)).toBe(101);
  });

  test('at an address that is no chat is refused', async () => {
    expect(await handshake(addressOf('a%2Fb', await ticketFor('a/b', 'read')))).toBe(400);
    expect(await handshake(addressOf('auth', await ticketFor('auth', 'read')))).toBe(400);
    expect((await fetch(addressOf('plain'))).status).toBe(426);
    expect(await handshake(`${addressOf('long', await ticketFor('long', 'read'))}&run=${'r'.repeat(5000)}`)).toBe(414);
  });
});

describe('a device', () => {
  const intrusions: readonly [string, string][] = [
    ['a frame', '{"v":1,"run":"r","turn":1,"at":0,"next":1,"chunks":[{"type":"start"}]}'],
    ['a call of the log', '{"id":"1","call":"state","args":["c",{}]}'],
    ['a signal that is none', '{"type":"command","ref":1,"run":"r"}'],
    ['no JSON', 'hello'],
  ];
  test.each(intrusions)('that sends %s publishes nothing', async (_what, text) => {
    const chatId = newChat();
    const [intruder, other] = [await open(chatId, 'read', 'command'), await open(chatId, 'read')];
    await Promise.all([intruder.got('live'), other.got('live')]);
    intruder.send(text);
    const runId = await ask(chatId);
    // The next answer's start proves that nothing was in front of it.
    await other.got(runId);
    expect(other.received[1]).toContain('"start"');
    expect(intruder.received.some((each) => each.includes('"answer"'))).toBe(false);
  });

  test('that sends bytes is closed', async () => {
    const socket = await open(newChat(), 'read', 'command');
    await socket.got('live');
    socket.send(new ArrayBuffer(8));
    expect(await socket.isClosed()).toMatchObject({ code: 1008 });
  });

  test.each([
    ['who may only read', ['read'], 2_000],
    ['who may stop answers', ['read', 'command'], 5 * 1024 * 1024],
  ] as const)('%s and sends too much at once is closed', async (_who, may, length) => {
    const socket = await open(newChat(), ...may);
    await socket.got('live');
    socket.send(JSON.stringify({ type: 'command', ref: 1, run: 'r', message: 'x'.repeat(length) }));
    expect(await socket.isClosed()).toMatchObject({ code: 1009 });
  });

  test('stops an answer over its socket where it may, and not where it may only read', async () => {
    const chatId = newChat();
    const runId = await ask(chatId);
    const [reader, owner] = [await open(chatId, 'read'), await open(chatId, 'read', 'command')];
    const stop = JSON.stringify({ type: 'command', ref: 7, run: runId, message: { id: 's1', type: 'cancel' } });
    await reader.got('live');
    reader.send(stop);
    expect(JSON.parse(await reader.got('receipt'))).toMatchObject({ ref: 7, error: { code: 'forbidden' } });
    expect(await workerd.model(chatId)).toMatchObject({ aborted: false });
    await owner.got('live');
    owner.send(stop);
    expect(JSON.parse(await owner.got('receipt'))).toEqual({
      type: 'receipt',
      ref: 7,
      receipt: { outcome: 'delivered' },
    });
    expect(await workerd.model(chatId)).toMatchObject({ aborted: true });
  });

  test('gets a ticket for what the app allows it, and none for what it does not', async () => {
    const chatId = newChat();
    const ticketOf = async (may: string): Promise<unknown> => {
      const response = await post('/auth', { chatId }, { 'x-may': may });
      const { token } = (await response.json()) as { token?: string };
      return token ? JSON.parse(atob(token.split('.')[1] ?? '')).may : response.status;
    };
    expect(await ticketOf('read')).toEqual(['read']);
    expect(await ticketOf('read,command')).toEqual(['read', 'command']);
    expect(await ticketOf('command')).toBe(403);
    expect((await post('/auth', { chatId: '../c' })).status).toBe(400);
    expect((await post('/auth', { chatId: 'x'.repeat(5000) })).status).toBe(413);
    expect((await fetch(`${workerd.url}/auth`)).status).toBe(405);
  });
});

test('the server that writes the answers asks the log of its chat, and nothing else', async () => {
  const chatId = newChat();
  const socket = await open(chatId, 'log');
  const ask = async (id: string, call: string, ...args: unknown[]): Promise<unknown> => {
    socket.send(JSON.stringify({ id, call, args }));
    return JSON.parse(await socket.got(`"id":"${id}"`));
  };
  expect(await ask('1', 'state', chatId, {})).toMatchObject({ id: '1', answer: { turn: 0 } });
  expect(await ask('2', 'state', 'another', {})).toMatchObject({ id: '2', error: { code: 'protocol' } });
  expect(await ask('3', 'read', { chatId: 'another', runId: 'r' }, { from: 0 })).toMatchObject({
    error: { code: 'protocol' },
  });
  expect(await ask('4', 'close')).toMatchObject({ id: '4', error: { code: 'protocol' } });
  expect(await ask('5', 'state', chatId, {})).toMatchObject({ id: '5', answer: { turn: 0 } });
  // It does not follow the chat.
  expect(socket.received.some((each) => each.includes('live'))).toBe(false);
});

describe('a request', () => {
  test('that the app refuses reaches no object', async () => {
    const refusals = await Promise.all([
      fetch(`${workerd.url}/hidden`, { headers: { 'x-may': 'send' } }),
      fetch(`${workerd.url}/hidden/stream`, { headers: { 'x-may': '' } }),
      post('', { id: 'hidden', messages: [] }, { 'x-may': 'read' }),
      post('/hidden/command', { id: 's', runId: 'r', type: 'cancel' }, { 'x-may': 'read' }),
    ]);
    expect(refusals.map(({ status }) => status)).toEqual([403, 403, 403, 403]);
    expect((await workerd.seen()).requests.filter((each) => each.includes('hidden'))).toEqual([]);
  });

  test('cannot bring a ticket of its own', async () => {
    const chatId = newChat();
    const headers = { 'x-may': 'read', 'x-chat-ticket': await ticketFor(chatId, 'read', 'send', 'command', 'log') };
    expect((await post('', { id: chatId, messages: [] }, headers)).status).toBe(403);
    // The object itself, reached past the Worker's gate, trusts nobody.
    const direct = await fetch(`${workerd.origin}/api/chat/${chatId}?chat=${chatId}`);
    expect(direct.status).toBe(403);
  });

  test.each([
    ['GET', '', undefined, 405],
    ['POST', '', 'no json', 400],
    ['POST', '', '{"id":"a/b","messages":[]}', 400],
    ['POST', '', '{"messages":[]}', 400],
    ['GET', '/a%2Fb', undefined, 400],
    ['GET', '/c/unknown', undefined, 404],
    ['GET', '/c/stream/more', undefined, 404],
    ['POST', '/c/command', '{}', 400],
  ] as const)('%s %s with the body %s is answered as core does', async (method, path, body, status) => {
    const init = { method, headers: { 'content-type': 'application/json' }, ...(body !== undefined && { body }) };
    const response = await fetch(`${workerd.url}${path}`, init);
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({ error: { code: expect.any(String), message: expect.any(String) } });
  });

  test('that is no chat’s is left to the app', async () => {
    expect(await (await fetch(`${workerd.origin}/api/chats`)).text()).toBe('Not found');
  });
});

function jwt({ exp, aud = 'chat-transport/partykit' }: { exp?: number; aud?: string }): Promise<string> {
  const token = new SignJWT({ chat: 'bad', may: ['read'] }).setProtectedHeader({ alg: 'HS256' }).setAudience(aud);
  if (exp !== undefined) token.setExpirationTime(exp);
  return token.sign(new TextEncoder().encode(secret));
}

function unsigned(): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const exp = Math.floor(Date.now() / 1000) + 60;
  return `${part({ alg: 'none' })}.${part({ aud: 'chat-transport/partykit', exp, chat: 'bad', may: ['read'] })}.`;
}
