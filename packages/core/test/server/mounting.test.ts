import { createServer, request as httpRequest, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import compression from 'compression';
import express from 'express';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createWorld, ended, SseReader, until, user, type World } from './support.ts';

const messages = [user('m1', 'hello')];

async function listen(app: RequestListener): Promise<string> {
  const server: Server = createServer(app);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function post(url: string, body: unknown): Promise<Response> {
  return fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
}

async function everyRouteAnswers(world: World, base: string): Promise<void> {
  const reader = new SseReader(await post(base, { id: 'c', runId: 'r', messages }));
  const model = await world.model();
  model.text('hi');
  await reader.saw('hi');
  expect(await (await fetch(`${base}/c`)).json()).toMatchObject({ turn: 1, active: { runId: 'r' } });
  const other = new SseReader(await fetch(`${base}/c/stream`));
  await other.saw('hi');
  const cancel = await post(`${base}/c/command`, { id: 'x', runId: 'r', type: 'cancel' });
  expect(await cancel.json()).toEqual({ outcome: 'delivered' });
  await Promise.all([reader.closed, other.closed]);
  expect((await fetch(`${base}/c/nothing`)).status).toBe(404);
}

describe('a handler in Express', () => {
  it('answers every route where Express cuts the base off', async () => {
    const world = createWorld();
    const app = express();
    app.use('/api/chat', getRequestListener(world.handler));
    await everyRouteAnswers(world, `${await listen(app)}/api/chat`);
  });

  it('answers every route where Express leaves the path whole', async () => {
    const world = createWorld();
    const app = express();
    app.use(getRequestListener(world.handler));
    await everyRouteAnswers(world, `${await listen(app)}/api/chat`);
  });

  it('takes no page of the app for a chat where it gets every request', async () => {
    const world = createWorld();
    const app = express();
    app.use(getRequestListener(world.handler));
    const origin = await listen(app);
    const accept = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8';
    const page = (path: string) => fetch(origin + path, { headers: { accept } });
    expect((await page('/login')).status).toBe(404);
    expect((await page('/api/chat/c')).status).toBe(200);
  });

  it('names the body parser as the cause when one has read the body before it', async () => {
    const world = createWorld();
    const app = express();
    app.use(express.json());
    app.use('/api/chat', getRequestListener(world.handler));
    const base = `${await listen(app)}/api/chat`;
    for (const url of [base, `${base}/c/command`]) {
      const response = await post(url, { id: 'c', messages });
      const { error } = (await response.json()) as { error: { code: string; message: string } };
      expect([response.status, error.code]).toEqual([400, 'invalid-body']);
      expect(error.message).toContain('before any body parser');
    }
    expect(world.models).toHaveLength(0);
  });

  it('streams word by word behind compression()', async () => {
    const world = createWorld();
    const app = express();
    app.use(compression({ threshold: 0 }));
    app.use('/api/chat', getRequestListener(world.handler));
    const base = `${await listen(app)}/api/chat`;
    let text = '';
    const body = JSON.stringify({ id: 'c', messages });
    const headers = { 'content-type': 'application/json', 'accept-encoding': 'gzip', 'content-length': body.length };
    const request = httpRequest(base, { method: 'POST', headers }, (response) => {
      response.setEncoding('utf8');
      response.on('data', (part: string) => {
        text += part;
      });
    });
    request.end(body);
    const model = await world.model();
    model.text('first word');
    // The model goes on: only a body that is not held back has the word by now.
    await until(
      'the first word',
      () => text.includes('first word'),
      () => text,
    );
    model.close();
    await ended(world, 'finish');
  });
});

describe('what carries a user’s data', () => {
  it('may be neither stored nor transformed', async () => {
    const world = createWorld();
    const none = await world.fetch('/c/stream');
    const send = await world.send({ id: 'c', messages });
    (await world.model()).close();
    await ended(world, 'finish');
    const refused = await world.send({ id: 'c' });
    const all = [none, send, refused, await world.fetch('/c'), await world.fetch('/c/stream?recent=60000')];
    expect(all.map(({ status }) => status)).toEqual([204, 200, 400, 200, 200]);
    for (const response of all) {
      expect(response.headers.get('cache-control')).toBe('private, no-store, no-transform');
      await response.body?.cancel();
    }
  });
});
