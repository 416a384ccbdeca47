import { describe, expect, it } from 'vitest';
import { defaultMaxBodyBytes } from '../../src/server.ts';
import { type Answer, createWorld, user } from './support.ts';

const messages = [user('m1', 'hello')];
const large = [user('m1', 'x'.repeat(300 * 1024))];
const named = { headers: { 'x-chat-id': 'c', accept: 'application/json' } };

async function errorOf(response: Response): Promise<[number, string]> {
  return [response.status, ((await response.json()) as Answer).error.code];
}

/** A body that counts how much of it was read. */
function countedBody(total: number): { body: ReadableStream<Uint8Array>; read: () => number } {
  let sent = 0;
  const body = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        if (sent >= total) return controller.close();
        sent += 64 * 1024;
        controller.enqueue(new Uint8Array(64 * 1024).fill(0x20));
      },
    },
    { highWaterMark: 0 },
  );
  return { body, read: () => sent };
}

describe('the body of a request', () => {
  it('is not read of a stranger who names the chat', async () => {
    const world = createWorld({ authorize: () => false });
    const init = { method: 'POST', headers: { 'content-type': 'application/json', 'x-chat-id': 'c' }, duplex: 'half' };
    const send = countedBody(3_900_000);
    expect(await errorOf(await world.fetch('', { ...init, body: send.body } as RequestInit))).toEqual([
      403,
      'forbidden',
    ]);
    expect(send.read()).toBe(0);
    const command = countedBody(3_900_000);
    const response = await world.fetch('/c/command', { ...init, body: command.body } as RequestInit);
    expect(await errorOf(response)).toEqual([403, 'forbidden']);
    expect(command.read()).toBe(0);
  });

  it('of a client that does not name the chat is read up to 256 KiB, unless the app raises the limit', async () => {
    const init = { method: 'POST', headers: { 'content-type': 'application/json' }, duplex: 'half' };
    const { body, read } = countedBody(3_900_000);
    const world = createWorld({ authorize: () => false });
    expect(await errorOf(await world.fetch('', { ...init, body } as RequestInit))).toEqual([413, 'too-large']);
    expect(read()).toBeLessThanOrEqual(320 * 1024);
    expect(await errorOf(await createWorld().send({ id: 'c', messages: large }))).toEqual([413, 'too-large']);
    const raised = createWorld({ maxUnnamedBodyBytes: 1024 * 1024 });
    expect((await raised.send({ id: 'c', messages: large })).status).toBe(200);
  });

  it('may be large where the header names its chat, and no other chat than the header', async () => {
    expect((await createWorld().send({ id: 'c', messages: large }, named)).status).toBe(202);
    const asked: string[] = [];
    const world = createWorld({
      authorize: ({ chatId }) => {
        asked.push(chatId);
        return true;
      },
    });
    expect(await errorOf(await world.send({ id: 'other', messages }, named))).toEqual([400, 'invalid-id']);
    expect(asked).toEqual(['c']);
    const bad = { headers: { 'x-chat-id': '../x' } };
    expect(await errorOf(await world.send({ id: '../x', messages }, bad))).toEqual([400, 'invalid-id']);
    expect(world.models).toHaveLength(0);
  });

  it('is read up to 4 MiB where the header names its chat', async () => {
    const { body, read } = countedBody(10 * 1024 * 1024);
    const headers = { 'content-type': 'application/json', 'x-chat-id': 'c' };
    const init = { method: 'POST', headers, body, duplex: 'half' } as RequestInit;
    expect(await errorOf(await createWorld().fetch('', init))).toEqual([413, 'too-large']);
    expect(read()).toBe(defaultMaxBodyBytes + 64 * 1024);
  });

  it.each(['messages', 'message', 'deep'])('with %s nested 5,000 levels deep is malformed', async (field) => {
    const deep = `${'['.repeat(5000)}${']'.repeat(5000)}`;
    const more = field === 'deep' ? `"messages":${JSON.stringify(messages)},` : '';
    const world = createWorld();
    const body = `{"id":"c",${more}"${field}":${deep}}`;
    const init = { method: 'POST', headers: { 'content-type': 'application/json' } };
    expect(await errorOf(await world.fetch('', { ...init, body }))).toEqual([400, 'invalid-body']);
    const command = `{"id":"s","runId":"r","type":"steer","parts":${deep}}`;
    expect(await errorOf(await world.fetch('/c/command', { ...init, body: command }))).toEqual([400, 'invalid-body']);
    expect(world.events.filter(({ type }) => type === 'request-failed')).toEqual([]);
  });
});
