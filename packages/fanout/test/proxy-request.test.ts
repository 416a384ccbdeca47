import { describe, expect, test } from 'vitest';
import { fanout } from '../src/server.ts';
import { appWithoutProxy, signature } from './support/app-without-proxy.ts';
import { secret } from './support/pushpin-service.ts';

const message = { id: 'm', role: 'user' as const, parts: [{ type: 'text' as const, text: 'hi' }] };

describe('a signature that is not the proxy’s', () => {
  test.each([
    ['made with another key', () => signature({ key: 'another key' })],
    ['that has expired', () => signature({ expires: 1 })],
    ['that is no token', () => 'x'],
    ['whose algorithm is none', () => `${btoa('{"alg":"none"}')}.${btoa('{"iss":"pushpin","exp":4102444800}')}.`],
  ])('%s is answered 401 on every route', async (_what, make) => {
    const { request } = await appWithoutProxy();
    expect(await statuses(request, { 'grip-sig': make() })).toEqual([401, 401, 401, 401, 401]);
  });
});

test.each([['connection-id'], ['meta-session'], ['grip-last']])(
  'a request that sets %s without a signature is answered 401 on every route',
  async (name) => {
    const { request } = await appWithoutProxy();
    expect(await statuses(request, { [name]: 'forged' })).toEqual([401, 401, 401, 401, 401]);
  },
);

test('a proxy that signs with another key learns that the key is wrong', async () => {
  const { request } = await appWithoutProxy();
  const response = await request('/c', { headers: { 'grip-sig': signature({ key: 'another key' }) } });
  expect(await response.text()).toContain('`verify-key` or `verify-iss` of `grip` is wrong');
});

test('a signed stream is held by the proxy, and the same request without it is a plain stream', async () => {
  const { request, handler, model } = await appWithoutProxy();
  await handler.runtime.start({ chatId: 'c', messages: [message] });
  const call = await model.call();
  call.say('one ');
  await call.drained();
  const held = await request('/c/stream', { headers: { 'grip-sig': signature() } });
  expect([held.status, held.headers.get('grip-hold')]).toEqual([200, 'stream']);
  expect(held.headers.get('grip-channel')).toMatch(/^chat-c; prev-id=1:[\w-]+:\d+/);
  expect(held.headers.get('grip-link')).toMatch(/^<stream\/[\w-]+\?run=[\w-]+&session=[\w.-]+>; rel=next; timeout=30$/);
  // The function has ended: the whole body is there while the answer still runs.
  expect(await held.text()).toContain('one ');

  const plain = await request('/c/stream');
  expect([plain.status, plain.headers.get('grip-hold')]).toEqual([200, null]);
  call.finish();
  expect(await plain.text()).toContain('[DONE]');
});

test('each reader has a link with a path of its own, so that the proxy does not ask once for several of them', async () => {
  const { request, handler, model } = await appWithoutProxy();
  await handler.runtime.start({ chatId: 'c', messages: [message] });
  await model.call();
  const queries = ['', '', '?follow=0', '?follow=0'];
  const answers = await Promise.all(
    queries.map((query) => request(`/c/stream${query}`, { headers: { 'grip-sig': signature() } })),
  );
  const paths = answers.map(({ headers }) => /^<([^?]+)\?/.exec(headers.get('grip-link') ?? '')?.[1]);
  expect(paths).not.toContain(undefined);
  expect(new Set(paths).size).toBe(queries.length);
});

test('a link that no session of this server is in ends its stream without an answer', async () => {
  const { request } = await appWithoutProxy();
  const response = await request('/c/stream/link?follow&session=forged', { headers: { 'grip-sig': signature() } });
  expect([response.status, response.headers.get('grip-hold'), await response.text()]).toEqual([200, null, '']);
});

test.each(['', '?follow=0'])(
  'a link to a run that the log has lost ends its stream (of %j): the proxy would ask for half a minute',
  async (query) => {
    const { request, handler, model } = await appWithoutProxy();
    const { run } = await handler.runtime.start({ chatId: 'c', messages: [message] });
    await model.call();
    const held = await request(`/c/stream${query}`, { headers: { 'grip-sig': signature() } });
    const [, link] = /^<([^>]+)>/.exec(held.headers.get('grip-link') ?? '') ?? [];
    expect(link).toBeDefined();
    const { request: later } = await appWithoutProxy();
    const response = await later(`/c/${link}`, {
      headers: { 'grip-sig': signature(), 'grip-last': `chat-c; last-id=1:${run.runId}:1` },
    });
    expect([response.status, response.headers.get('grip-hold'), await response.text()]).toEqual([200, null, '']);
  },
);

test('a link that the log does not answer is asked again by the proxy', async () => {
  const { request, handler, model, failing } = await appWithoutProxy();
  await handler.runtime.start({ chatId: 'c', messages: [message] });
  await model.call();
  const held = await request('/c/stream', { headers: { 'grip-sig': signature() } });
  const [, link] = /^<([^>]+)>/.exec(held.headers.get('grip-link') ?? '') ?? [];
  failing();
  const response = await request(`/c/${link}`, { headers: { 'grip-sig': signature() } });
  expect([response.status, response.headers.get('grip-hold')]).toEqual([500, null]);
});

test.each([
  ['a WebSocket', { upgrade: 'websocket' }, 'A WebSocket needs the GRIP proxy'],
  ['a held stream', {}, 'A held stream needs the GRIP proxy'],
])('%s that did not come through the proxy is refused with the reason', async (_what, headers, reason) => {
  const { request } = await appWithoutProxy();
  const response = await request('/socket?chat=c', { headers });
  expect(response.status).toBe(404);
  expect(await response.text()).toContain(reason);
});

test('a configuration without a key for the proxy’s signature, or with a short secret, throws', () => {
  expect(() => fanout({ grip: 'http://127.0.0.1:5561', secret })).toThrow('`grip` needs `verify-key`');
  expect(() => fanout({ grip: 'http://127.0.0.1:5561?verify-key=key', secret: 'short' })).toThrow(TypeError);
});

/** What every kind of route answers to a request with these headers. */
async function statuses(
  request: (path: string, init: RequestInit) => Promise<Response>,
  headers: Record<string, string>,
): Promise<number[]> {
  const json = { ...headers, 'content-type': 'application/json' };
  const events = { ...headers, 'content-type': 'application/websocket-events', accept: '*/*' };
  const answers = await Promise.all([
    request('/socket?chat=c', { method: 'POST', headers: events, body: 'OPEN\r\n' }),
    request('/socket?chat=c', { headers }),
    request('/c/command', { method: 'POST', headers: json, body: '{"id":"s","runId":"r","type":"cancel"}' }),
    request('/c/stream', { headers }),
    request('/c', { headers }),
  ]);
  return answers.map(({ status }) => status);
}
