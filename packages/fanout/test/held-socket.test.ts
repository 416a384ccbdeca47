import type { ChatHandlerOptions } from '@chat-transport/core/server';
import { describe, expect, test } from 'vitest';
import { appWithoutProxy, signature } from './support/app-without-proxy.ts';

type App = Awaited<ReturnType<typeof appWithoutProxy>>;

const message = { id: 'm', role: 'user' as const, parts: [{ type: 'text' as const, text: 'hi' }] };
const cancel = (runId: string): string =>
  JSON.stringify({ type: 'command', ref: 1, run: runId, message: { id: 's', type: 'cancel' } });

test('a WebSocket with a token of its chat is accepted and subscribed, and its session is left with the proxy', async () => {
  const app = await appWithoutProxy();
  const { text, session } = await step(app, `chat=c&token=${await token(app, 'c')}`, 'OPEN\r\n');
  expect(text).toContain('OPEN');
  expect(text).toContain('"channel":"chat-c"');
  expect(text).toContain('{"type":"live"}');
  expect(session).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+$/);
});

describe('a WebSocket is not subscribed', () => {
  test.each([
    ['without a token', async () => 'chat=c'],
    ['with a token that nobody signed', async () => 'chat=c&token=forged'],
    ['with a token of another chat', async (app: App) => `chat=c&token=${await token(app, 'other')}`],
    [
      'with a token that was given before access was taken back',
      async (app: App) => {
        const query = `chat=c&token=${await token(app, 'c')}`;
        app.handler.runtime.revoke({ chatId: 'c' });
        return query;
      },
    ],
    [
      'with the session of a connection in place of a token',
      async (app: App) => {
        const { session } = await step(app, `chat=c&token=${await token(app, 'c')}`, 'OPEN\r\n');
        return `chat=c&token=${session}`;
      },
    ],
  ])('%s', async (_what, query) => {
    const app = await appWithoutProxy();
    const { text } = await step(app, await query(app), 'OPEN\r\n');
    expect(text).not.toContain('subscribe');
    expect(text).toContain(closing(4401));
  });
});

test('a held stream with a token of another chat is answered 401', async () => {
  const app = await appWithoutProxy();
  const path = `/socket?chat=c&token=${await token(app, 'other')}`;
  const response = await app.request(path, { headers: { 'grip-sig': signature() } });
  expect([response.status, response.headers.get('grip-channel')]).toEqual([401, null]);
});

describe('a command over a WebSocket', () => {
  /** A chat whose answer has begun, and a connection to it. */
  async function stage(authorize?: ChatHandlerOptions['authorize']) {
    const app = await appWithoutProxy(authorize);
    await app.handler.runtime.start({ chatId: 'c', messages: [message] });
    const call = await app.model.call();
    const { active } = await app.request('/c').then((response) => response.json());
    const { session } = await step(app, `chat=c&token=${await token(app, 'c')}`, 'OPEN\r\n');
    return { app, call, session, runId: active.runId as string };
  }

  test('stops the run, and is confirmed', async () => {
    const { app, call, session, runId } = await stage();
    const { text } = await step(app, 'chat=c', textEvent(cancel(runId)), session);
    expect(text).toContain('"type":"receipt","ref":1,"receipt"');
    expect(call.aborted).toBe(true);
  });

  test.each([
    ['no session', () => ''],
    ['a forged session', () => 'forged'],
    ['a token in place of a session', (app: App) => token(app, 'c')],
    [
      'the session of another chat',
      async (app: App) => (await step(app, `chat=other&token=${await token(app, 'other')}`, 'OPEN\r\n')).session,
    ],
  ])('with %s closes the connection and stops nothing', async (_what, other) => {
    const { app, call, runId } = await stage();
    const { text } = await step(app, 'chat=c', textEvent(cancel(runId)), await other(app));
    expect(text).toBe(closing(4408));
    expect(call.aborted).toBe(false);
  });

  test('after access was taken back closes the connection and stops nothing', async () => {
    const { app, call, session, runId } = await stage();
    app.handler.runtime.revoke({ chatId: 'c' });
    const { text } = await step(app, 'chat=c', textEvent(cancel(runId)), session);
    expect(text).toBe(closing(4408));
    expect(call.aborted).toBe(false);
  });

  test.each([
    [403, 'This chat is read only.', 'forbidden', 'This chat is read only.'],
    [403, '', 'forbidden', 'The chat server answered with status 403.'],
    [429, '{"error":"Not so fast."}', 'rate-limited', '{"error":"Not so fast."}'],
    [503, 'Down for the night.', 'provider-failed', 'Down for the night.'],
  ])(
    'that the app refuses with a response of its own (%s %s) gets its text, and stops nothing',
    async (status, body, code, reason) => {
      let refuses = false;
      const { app, call, session, runId } = await stage(() => !refuses || new Response(body, { status }));
      refuses = true;
      const { text } = await step(app, 'chat=c', textEvent(cancel(runId)), session);
      expect(text).toContain(JSON.stringify({ type: 'receipt', ref: 1, error: { code, message: reason } }));
      expect(call.aborted).toBe(false);
    },
  );

  test.each(['x', 'null', '{"type":"command"}', '{"type":"command","ref":1,"run":"r","message":1}'])(
    'that is none closes the connection: %s',
    async (data) => {
      const { app, session } = await stage();
      expect((await step(app, 'chat=c', textEvent(data), session)).text).toBe(closing(1008));
    },
  );
});

/** A token that the app gives for a chat. */
async function token({ request }: App, chatId: string): Promise<string> {
  const headers = { 'content-type': 'application/json' };
  const response = await request('/auth', { method: 'POST', headers, body: JSON.stringify({ chatId }) });
  return ((await response.json()) as { token: string }).token;
}

/** What the app answers to one step of a WebSocket, as the proxy asks it. */
async function step(
  { request }: App,
  query: string,
  events: string,
  session?: string,
): Promise<{ text: string; session: string }> {
  const headers = {
    'grip-sig': signature(),
    'connection-id': '1',
    'content-type': 'application/websocket-events',
    accept: 'application/websocket-events',
    ...(session !== undefined && { 'meta-session': session }),
  };
  const response = await request(`/socket?${query}`, { method: 'POST', headers, body: events });
  return { text: await response.text(), session: response.headers.get('set-meta-session') ?? '' };
}

function textEvent(data: string): string {
  return `TEXT ${Buffer.byteLength(data).toString(16)}\r\n${data}\r\n`;
}

/** The event that closes a connection: its code is in two bytes, which are no text where the second one is above 127. */
function closing(code: number): string {
  const bytes = Buffer.from([code >> 8, code & 255]);
  return `CLOSE 2\r\n${new TextDecoder().decode(bytes)}\r\n`;
}
