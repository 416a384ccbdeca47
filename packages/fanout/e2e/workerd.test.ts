import { join } from 'node:path';
import { build } from 'esbuild';
import { Miniflare } from 'miniflare';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { proxyKey, signature } from '../test/support/app-without-proxy.ts';
import { secret } from '../test/support/pushpin-service.ts';

let worker: Miniflare;
beforeAll(async () => {
  const { outputFiles } = await build({
    entryPoints: [join(import.meta.dirname, '../test/worker/main.ts')],
    bundle: true,
    write: false,
    format: 'esm',
    target: 'es2022',
    conditions: ['@chat-transport/source', 'workerd', 'worker', 'browser', 'module', 'import', 'production'],
  });
  const verify = new URLSearchParams({ 'verify-iss': 'pushpin', 'verify-key': proxyKey });
  worker = new Miniflare({
    modules: true,
    script: outputFiles[0]?.text ?? '',
    compatibilityDate: '2026-07-28',
    cf: false,
    bindings: { GRIP_URL: `http://127.0.0.1:1?${verify}`, SECRET: secret },
  });
  await worker.ready;
});
afterAll(() => worker.dispose());

function request(path: string, headers: Record<string, string>, body?: string) {
  return worker.dispatchFetch(`http://app.example/api/chat${path}`, {
    headers,
    ...(body !== undefined && { method: 'POST', body }),
  });
}

/** A token that the app gives for the chat `c`. */
async function token(): Promise<string> {
  const response = await request('/auth', { 'content-type': 'application/json' }, '{"chatId":"c"}');
  return ((await response.json()) as { token: string }).token;
}

test('a Worker without Node’s compatibility refuses whoever pretends to be the proxy', async () => {
  const forged = [{ 'grip-sig': signature({ key: 'another key' }) }, { 'connection-id': '1' }];
  const answers = await Promise.all(forged.map((headers) => request('/c', headers)));
  expect(answers.map(({ status }) => status)).toEqual([401, 401]);
});

test('a Worker lets the proxy hold the streams of devices and of stock clients', async () => {
  const headers = { 'grip-sig': signature() };
  const answers = [
    await request('/c/stream?follow=0', headers),
    await request(`/socket?chat=c&token=${await token()}`, headers),
  ];
  expect(answers.map((answer) => [answer.status, answer.headers.get('grip-hold')])).toEqual([
    [200, 'stream'],
    [200, 'stream'],
  ]);
});

test('a Worker opens a WebSocket over HTTP', async () => {
  const events = 'application/websocket-events';
  const headers = { 'grip-sig': signature(), 'connection-id': '1', 'content-type': events, accept: events };
  const answer = await request(`/socket?chat=c&token=${await token()}`, headers, 'OPEN\r\n');
  expect(await answer.text()).toContain('"channel":"chat-c"');
});
