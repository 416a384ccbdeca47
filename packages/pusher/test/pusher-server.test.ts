import { memoryLog } from '@chat-transport/core/memory';
import { ChatTransportError } from '@chat-transport/core/provider';
import { createChatHandler } from '@chat-transport/core/server';
import { freePort } from '@chat-transport/local-services';
import { describe, expect, it, onTestFinished } from 'vitest';
import { defaultChannelPrefix, maxMessageBytes, type PusherServerOptions, pusher } from '../src/server.ts';
import { serverClient } from './support/harness.ts';
import { answers, startPusherApi } from './support/pusher-api.ts';

const app = { appId: '1', key: 'key', secret: 'a secret' };
const { signal } = new AbortController();

function server(port: number, options: Partial<PusherServerOptions> = {}) {
  return pusher({ client: serverClient(app, port), ...options });
}

async function codeOf(call: Promise<unknown>): Promise<unknown> {
  return call.then(
    () => 'ok',
    (error: unknown) => (ChatTransportError.isInstance(error) ? error.code : error),
  );
}

describe('publishing', () => {
  it('triggers one event per message, with the message as it is', async () => {
    const api = await startPusherApi();
    onTestFinished(() => api.close());
    const data = JSON.stringify({ v: 1, text: 'Ünïcödé 😀 "' });
    const realtime = server(api.port);
    await realtime.publish(realtime.channelName('c1'), data, signal, 'id');
    expect(api.events).toEqual([{ name: 'frame', channels: ['private-chat-c1'], data }]);
  });

  it('says what each of Pusher’s answers means, and never a secret', async () => {
    const api = await startPusherApi();
    onTestFinished(() => api.close());
    const realtime = server(api.port);
    const codes: unknown[] = [];
    for (const answer of Object.values(answers)) {
      api.answer = answer;
      const call = realtime.publish('private-chat-c1', 'words of the chat', signal, 'id');
      codes.push([answer.status, await codeOf(call)]);
      const message = await call.catch((error: Error) => error.message);
      expect(`${message}`).not.toMatch(/secret|words/);
    }
    expect(codes).toEqual([
      [200, 'ok'],
      [401, 'provider-failed'],
      [403, 'provider-failed'],
      [413, 'too-large'],
      [429, 'rate-limited'],
      [500, 'provider-failed'],
    ]);
  });

  it('fails as retryable when Pusher cannot be reached', async () => {
    const failed = server(await freePort()).publish('private-chat-c1', '{}', signal, 'id');
    await expect(failed).rejects.toMatchObject({ code: 'provider-failed', retryable: true });
  });

  it('has Pusher’s limits, and the app’s own budget', async () => {
    expect(server(1).limits).toEqual({ maxMessageBytes, flushIntervalMs: 100 });
    expect(server(1, { flushIntervalMs: 200, publishesPerSecond: 20 }).limits).toEqual({
      ...{ maxMessageBytes: 10_240, flushIntervalMs: 200, publishesPerSecond: 20 },
    });
  });
});

describe('channels', () => {
  it('fit into Pusher’s names for the longest id', () => {
    const name = server(1).channelName('x'.repeat(128));
    expect(name).toBe(defaultChannelPrefix + 'x'.repeat(128));
    expect(name).toMatch(/^[A-Za-z0-9_\-=@,.;]{1,164}$/);
  });

  it('are never open to everybody', () => {
    const refused = [
      'chat-',
      'private',
      'private-',
      'private-encrypted-chat-',
      'private-cache-chat-',
      'presence-chat-',
    ];
    for (const channelPrefix of [...refused, 'private-a:b-', `private-${'x'.repeat(40)}-`]) {
      expect(() => server(1, { channelPrefix }), channelPrefix).toThrow(TypeError);
    }
    expect(server(1, { channelPrefix: 'private-staging-' }).channelName('c')).toBe('private-staging-c');
  });
});

describe('the credential', () => {
  const handle = (request: Request): Promise<Response> => {
    const handler = createChatHandler({
      log: memoryLog(),
      realtime: server(1),
      authorize: ({ chatId }) => chatId === 'mine',
      respond: () => new ReadableStream(),
    });
    onTestFinished(() => handler.runtime.close());
    return handler(request);
  };
  const post = (form: Record<string, string> | string): Promise<Response> =>
    handle(new Request('http://localhost/api/chat/auth', { method: 'POST', body: new URLSearchParams(form) }));

  it('is for the chat that the user may use', async () => {
    const answer = await post({ socket_id: '123.456', channel_name: 'private-chat-mine' });
    expect(answer.headers.get('cache-control')).toBe('private, no-store, no-transform');
    const { auth } = (await answer.json()) as { auth: string };
    expect(auth).toBe(serverClient(app, 1).authorizeChannel('123.456', 'private-chat-mine').auth);
  });

  it('is for no other chat, no other kind of channel and no invented connection', async () => {
    const status = async (form: Record<string, string> | string) => (await post(form)).status;
    const socket_id = '123.456';
    expect(await status({ socket_id, channel_name: 'private-chat-theirs' })).toBe(403);
    for (const channel_name of ['mine', 'private-mine', 'presence-chat-mine', 'private-encrypted-chat-mine']) {
      expect(await status({ socket_id, channel_name }), channel_name).toBe(403);
    }
    expect(await status({ socket_id, channel_name: 'private-chat-mine,private-chat-theirs' })).toBe(400);
    expect(await status({ socket_id: 'x', channel_name: 'private-chat-mine' })).toBe(400);
    expect(await status({ socket_id: '1.1:private-chat-theirs', channel_name: 'private-chat-mine' })).toBe(400);
    expect(await status({ socket_id })).toBe(400);
    const twice = 'socket_id=1.1&channel_name=private-chat-mine&channel_name=private-chat-theirs';
    expect(await status(twice)).toBe(400);
    expect(await status('socket_id=1.1&socket_id=2.2&channel_name=private-chat-mine')).toBe(400);
    expect(await status(`socket_id=1.1&channel_name=private-chat-${'x'.repeat(5_000)}`)).toBe(413);
  });

  it('is not asked for with a body of another type', async () => {
    const body = JSON.stringify({ socket_id: '1.1', channel_name: 'private-chat-mine' });
    for (const type of ['application/json', 'text/plain', 'multipart/form-data; boundary=x']) {
      const init = { method: 'POST', headers: { 'content-type': type }, body };
      expect((await handle(new Request('http://localhost/api/chat/auth', init))).status, type).toBe(415);
    }
  });

  it('is not asked for with a body without an end', async () => {
    let sent = 0;
    const body = new ReadableStream({
      pull(controller) {
        sent += 1;
        controller.enqueue(new Uint8Array(1_000));
      },
    });
    const request = new Request('http://localhost/api/chat/auth', {
      method: 'POST',
      body,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      duplex: 'half',
    } as RequestInit);
    expect((await handle(request)).status).toBe(413);
    expect(sent).toBeLessThan(10);
  });
});
