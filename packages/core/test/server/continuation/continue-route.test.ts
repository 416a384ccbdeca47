import { memoryLog } from '@chat-transport/core/memory';
import type { RunLog } from '@chat-transport/core/provider';
import type { ChatHandlerOptions } from '@chat-transport/core/server';
import { describe, expect, it, onTestFinished } from 'vitest';
import { continueTokenTtlMs, createContinueTokens } from '../../../src/server/run/continue-token.ts';
import { createWorld, ended, type HeldDeadline, heldDeadline, until, type World } from '../support.ts';
import { chatId, goesOn, send, settle, step } from './stopped.ts';

const secret = 'a secret of at least thirty-two bytes';
const continueUrl = 'https://app.test/api/chat';
const path = `/${chatId}/continue`;
const body = { runId: 'r1', attempt: 1 };
const key = { chatId, ...body };

/** A run that its process has given up, and another process that may go on with it. */
async function givenUp(options: Omit<Partial<ChatHandlerOptions>, 'log'> = {}): Promise<{ log: RunLog; next: World }> {
  const log = memoryLog();
  const one = createWorld({ ...goesOn, log });
  void (await one.send(send)).body?.cancel();
  (await one.model()).push(step);
  await settle(async () => (await log.state(chatId)).active?.next === 2);
  await one.handler.runtime.close();
  return { log, next: createWorld({ ...goesOn, continueSecret: secret, continueUrl, log, ...options }) };
}

async function refusal(response: Response): Promise<unknown> {
  return [response.status, (await response.json()).error.code];
}

describe('POST {api}/{chatId}/continue', () => {
  it('makes this process the next writer, without asking `authorize`', async () => {
    const { next } = await givenUp({ authorize: () => false });
    const token = await createContinueTokens(secret).sign(key);
    const response = await next.post(path, { ...body, ...token });
    expect([response.status, await response.json()]).toEqual([202, { chatId, runId: 'r1', attempt: 2 }]);
    const { input, close } = await next.model();
    expect(input.continuation).toEqual({ attempt: 2, reason: 'handed-over', steps: 0, resumed: 'reset' });
    close();
    await ended(next, 'finish');
  });

  it('refuses a forged request', async () => {
    const { next } = await givenUp();
    const token = await createContinueTokens('another secret of thirty-two bytes').sign(key);
    expect(await refusal(await next.post(path, { ...body, ...token }))).toEqual([401, 'unauthorized']);
    const unsigned = { expires: token.expires, signature: '' };
    expect(await refusal(await next.post(path, { ...body, ...unsigned }))).toEqual([401, 'unauthorized']);
    expect(next.models).toEqual([]);
  });

  it.each([
    ['another run', { runId: 'r2' }],
    ['another attempt', { attempt: 2 }],
    ['a later hour', { expires: Date.now() + 3_600_000 }],
  ])('refuses a signature that was made for %s', async (_, change) => {
    const { next } = await givenUp();
    const token = await createContinueTokens(secret).sign(key);
    expect(await refusal(await next.post(path, { ...body, ...token, ...change }))).toEqual([401, 'unauthorized']);
    expect(await refusal(await next.post('/c2/continue', { ...body, ...token }))).toEqual([401, 'unauthorized']);
    expect(next.models).toEqual([]);
  });

  it('refuses a late request, and one that would last too long', async () => {
    const { next } = await givenUp();
    const late = await createContinueTokens(secret, () => Date.now() - continueTokenTtlMs - 1).sign(key);
    expect(await refusal(await next.post(path, { ...body, ...late }))).toEqual([401, 'unauthorized']);
    const long = await createContinueTokens(secret, () => Date.now() + 5 * continueTokenTtlMs).sign(key);
    expect(await refusal(await next.post(path, { ...body, ...long }))).toEqual([401, 'unauthorized']);
    expect(next.models).toEqual([]);
  });

  it('refuses a request that is replayed, at the same time or later, in this process or another one', async () => {
    const { next, log } = await givenUp();
    const token = await createContinueTokens(secret).sign(key);
    const twice = await Promise.all([1, 2].map(() => next.post(path, { ...body, ...token })));
    expect(twice.map(({ status }) => status).sort()).toEqual([202, 409]);
    const other = createWorld({ ...goesOn, continueSecret: secret, continueUrl, log });
    for (const world of [next, other]) {
      expect(await refusal(await world.post(path, { ...body, ...token }))).toEqual([409, 'stale']);
    }
    (await next.model()).close();
    await ended(next, 'finish');
    expect(await refusal(await other.post(path, { ...body, ...token }))).toEqual([409, 'stale']);
    expect([next.models.length, other.models.length]).toEqual([1, 0]);
  });

  it('refuses what is no such request', async () => {
    const { next } = await givenUp();
    const token = await createContinueTokens(secret).sign(key);
    for (const change of [{ attempt: 0 }, { attempt: '1' }, { expires: 1.5 }, { signature: 1 }]) {
      const answer = await refusal(await next.post(path, { ...body, ...token, ...change }));
      expect(answer).toEqual([400, 'invalid-body']);
    }
    expect(await refusal(await next.post(path, { ...body, ...token, runId: '/' }))).toEqual([400, 'invalid-id']);
    expect((await next.fetch(path)).status).toBe(405);
  });

  it('answers that it closes, so that the request is not taken for done', async () => {
    const { next } = await givenUp();
    const token = await createContinueTokens(secret).sign(key);
    await next.handler.runtime.close();
    expect(await refusal(await next.post(path, { ...body, ...token }))).toEqual([503, 'shutting-down']);
  });

  it('does not exist without a secret', async () => {
    const { next } = await givenUp({ continueSecret: undefined, continueUrl: undefined });
    const token = await createContinueTokens(secret).sign(key);
    expect((await next.post(path, { ...body, ...token })).status).toBe(404);
  });

  it('needs a secret that is long enough, and an address of the app', () => {
    const all = { ...goesOn, continueSecret: secret, continueUrl };
    expect(() => createWorld({ ...all, continueSecret: 'short' })).toThrow(/at least 32/);
    expect(() => createWorld({ ...all, continueUrl: undefined })).toThrow(/together/);
    expect(() => createWorld({ ...all, continueSecret: undefined })).toThrow(/together/);
    expect(() => createWorld({ ...all, onInterrupted: 'end' })).toThrow(/together/);
  });
});

describe('a run that is given up', () => {
  const options = { ...goesOn, continueSecret: secret, continueUrl };

  /** Cuts a run, at its deadline, behind its first step. */
  async function cut(world: World, deadline: HeldDeadline): Promise<void> {
    (await world.model()).push(step);
    await settle(async () => (await world.log.state(chatId)).active?.next === 2);
    deadline.pass();
  }

  it('is continued by a request of the app to itself', async () => {
    const log = memoryLog();
    const requests: string[] = [];
    const next = createWorld({ ...options, log });
    const fetch: typeof globalThis.fetch = (url, init) => {
      requests.push(String(url));
      return next.handler(new Request(url, init));
    };
    const deadline = heldDeadline();
    const one = createWorld({ ...options, ...deadline.options, fetch, log });
    const response = await one.send(send);
    await cut(one, deadline);
    const model = await next.model();
    model.push({ type: 'start' }, step);
    model.text('Hello again.');
    model.close();
    expect(await response.text()).toContain('Hello again.');
    expect(requests).toEqual([`${continueUrl}/${chatId}/continue`]);
    expect(one.models).toHaveLength(1);
  });

  it('is continued by whoever reads it, where that request fails', async () => {
    const log = memoryLog();
    const deadline = heldDeadline();
    const fetch = async () => new Response(null, { status: 500 });
    const one = createWorld({ ...options, ...deadline.options, fetch, log });
    void (await one.send(send)).body?.cancel();
    await cut(one, deadline);
    const failed = await until('the failure', () => one.events.find(({ type }) => type === 'continue-failed'));
    expect(failed).toMatchObject({ chatId, runId: 'r1', attempt: 1 });
    expect((await log.state(chatId)).active).toMatchObject({ interrupted: true });
    const next = createWorld({ ...goesOn, log });
    await next.state(chatId);
    (await next.model()).close();
    await ended(next, 'finish');
  });

  it('is put into the queue of the app, once, and continued by its worker', async () => {
    const log = memoryLog();
    const queue: object[] = [];
    const continueRun = (request: object) => void queue.push(request);
    const deadline = heldDeadline();
    const one = createWorld({ ...goesOn, ...deadline.options, continueRun, log });
    void (await one.send(send)).body?.cancel();
    await cut(one, deadline);
    await until('the request', () => queue.length > 0);
    const reader = createWorld({ ...goesOn, continueRun, log });
    await Promise.all([one.state(chatId), reader.state(chatId), reader.state(chatId), reader.handler.sweep()]);
    expect(queue).toEqual([key, key]);
    expect(reader.models).toEqual([]);
    const worker = createWorld({ ...goesOn, log });
    onTestFinished(() => worker.handler.runtime.close());
    const answers = await Promise.all([key, key].map((request) => worker.handler.runtime.continueRun(request)));
    expect(answers.sort()).toEqual([false, true]);
    (await worker.model()).close();
    await ended(worker, 'finish');
    expect(await worker.handler.runtime.continueRun(key)).toBe(false);
  });
});
