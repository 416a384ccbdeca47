import type { ChatHandlerOptions } from '@chat-transport/core/server';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { memoryLog } from '../../src/log/memory-log.ts';
import type { RunLog } from '../../src/log/run-log.ts';
import { grantHoldsMs, maxStreamMs } from '../../src/server/http/live-access.ts';
import { type Answer, createWorld, SseReader, until, user } from './support.ts';

const send = { id: 'c', runId: 'r1', messages: [user('m1', 'hi')] };

/** A world where each request's user is in a header, and the test decides who may read. */
function membersWorld(reauthorizeMs = 60_000, options: Partial<ChatHandlerOptions> & { log?: RunLog } = {}) {
  const members = new Set(['ann', 'bob']);
  let asked = 0;
  const world = createWorld({
    ...options,
    reauthorizeMs,
    authorize: ({ request }) => {
      asked += 1;
      const userId = request.headers.get('x-user') ?? '';
      return members.has(userId) && { userId };
    },
  });
  const as = (userId: string) => ({ headers: { 'x-user': userId } });
  return { world, members, as, asked: () => asked };
}

/** A clock that the test sets forward. */
function movableClock() {
  let movedMs = 0;
  const clock = { ...systemClock, now: () => systemClock.now() + movedMs };
  return { clock, move: (ms: number) => (movedMs += ms) };
}

/** Resolves when a process waits for new revocations: it has heard of all that were before. */
function followedRevocations(log: RunLog): Promise<void> {
  return new Promise((resolve) => {
    const { revocations } = log;
    log.revocations = (chatId, options) => {
      if (options?.after !== undefined) resolve();
      return revocations(chatId, options);
    };
  });
}

describe('a reader whose access was taken back', () => {
  it('is disconnected at once by revoke, on every kind of stream, and others read on', async () => {
    const { world, members, as } = membersWorld();
    const own = new SseReader(await world.send(send, as('ann')));
    const model = await world.model();
    model.text('one ');
    await own.saw('one');
    const [follower, stream, poll] = await Promise.all(
      ['/c/stream?follow=0', '/c/stream', '/c/stream?run=r1&from=3&wait=20000'].map(
        async (path) => new SseReader(await world.fetch(path, as('bob'))),
      ),
    );
    members.delete('bob');
    await world.handler.runtime.revoke({ chatId: 'c', userId: 'bob' });
    await Promise.all([follower, stream, poll].map((reader) => reader?.closed));
    expect([follower, stream, poll].map((reader) => reader?.end)).toEqual([undefined, undefined, undefined]);
    expect((await world.fetch('/c/stream', as('bob'))).status).toBe(403);
    model.text('two');
    model.close();
    await own.closed;
    expect([own.streamedText, own.end]).toEqual(['one two', expect.stringMatching(/:finish$/)]);
    expect(stream?.text).not.toContain('two');
  });

  it('is disconnected at once by revoke in another process, whether it was there before or comes while the log is asked', async () => {
    const { world, members, as } = membersWorld();
    const other = createWorld({ log: world.log });
    const followed = followedRevocations(world.log);
    await world.send(send, as('ann'));
    const model = await world.model();
    const open = async (userId: string) => new SseReader(await world.fetch('/c/stream', as(userId)));
    const [ann, bob] = [await open('ann'), await open('bob')];
    await followed;
    const late = await open('bob');
    members.delete('bob');
    await other.handler.runtime.revoke({ chatId: 'c', userId: 'bob' });
    await Promise.all([bob.closed, late.closed]);
    model.text('secret');
    await ann.saw('secret');
    expect([bob.text, late.text].join()).not.toContain('secret');
    model.close();
    await ann.closed;
    expect(ann.end).toMatch(/:finish$/);
  });

  it('is disconnected although the log was not asked yet when another process revoked', async () => {
    const { world, members, as } = membersWorld();
    const other = createWorld({ log: world.log });
    await world.send(send, as('ann'));
    const bob = new SseReader(await world.fetch('/c/stream', as('bob')));
    members.delete('bob');
    await other.handler.runtime.revoke({ chatId: 'c', userId: 'bob' });
    await bob.closed;
    expect(bob.end).toBeUndefined();
    (await world.model()).close();
  });

  it('is disconnected although authorize let it pass just before, and its stream begins only now', async () => {
    const members = new Set(['ann', 'bob']);
    let isAsked = (): void => {};
    let open = (): void => {};
    const asked = new Promise<void>((resolve) => {
      isAsked = resolve;
    });
    const opened = new Promise<void>((resolve) => {
      open = resolve;
    });
    const world = createWorld({
      async authorize({ request }) {
        const userId = request.headers.get('x-user') ?? '';
        const answer = members.has(userId) && { userId };
        if (userId !== 'bob') return answer;
        isAsked();
        await opened;
        return answer;
      },
    });
    const followed = followedRevocations(world.log);
    await world.send(send, { headers: { 'x-user': 'ann' } });
    // From here on this process hears of new revocations alone.
    await followed;
    const response = world.fetch('/c/stream', { headers: { 'x-user': 'bob' } });
    await asked;
    members.delete('bob');
    await world.handler.runtime.revoke({ chatId: 'c', userId: 'bob' });
    open();
    const bob = new SseReader(await response);
    await bob.closed;
    expect(bob.end).toBeUndefined();
    (await world.model()).close();
  });

  it('receives nothing of an answer that begins only after its send has waited in the queue of another process', async () => {
    const { clock, move } = movableClock();
    let isBobMember = true;
    let written = (): void => {};
    const isWritten = new Promise<void>((resolve) => {
      written = resolve;
    });
    const world = createWorld({
      clock,
      onBusy: 'queue',
      async authorize({ request, action }) {
        const userId = request.headers.get('x-user') ?? '';
        if (userId !== 'bob') return { userId };
        // The app takes its time.
        if (action === 'read') await isWritten;
        return isBobMember && { userId };
      },
    });
    const ann = new SseReader(await world.send(send, { headers: { 'x-user': 'ann' } }));
    const second = { id: 'c', runId: 'r2', messages: [user('m2', 'and?')] };
    const response = world.send(second, { headers: { 'x-user': 'bob' } });
    await until('it to wait', () => world.events.some(({ type }) => type === 'send-queued'));
    isBobMember = false;
    await createWorld({ log: world.log }).handler.runtime.revoke({ chatId: 'c', userId: 'bob' });
    move(grantHoldsMs + 1);
    (await world.model()).close();
    await ann.closed;
    const model = await world.model(2);
    const bob = new SseReader(await response);
    const reader = new SseReader(await world.fetch('/c/stream', { headers: { 'x-user': 'ann' } }));
    model.text('secret');
    await reader.saw('secret');
    written();
    await bob.closed;
    expect([bob.chunks, bob.end]).toEqual([[], undefined]);
    model.close();
  });

  it('receives nothing where the log took long to say what there is', async () => {
    const { clock, move } = movableClock();
    const log = memoryLog();
    const { world, members, as } = membersWorld(60_000, { clock, log });
    await world.send(send, as('ann'));
    const model = await world.model();
    model.text('secret');
    const { state } = log;
    let goOn = (): void => {};
    log.state = async (...args) => {
      await new Promise<void>((resolve) => {
        goOn = resolve;
      });
      return state.apply(log, args);
    };
    const response = world.fetch('/c/stream', as('bob'));
    const asked = goOn;
    await until('the log to be asked', () => goOn !== asked);
    members.delete('bob');
    move(grantHoldsMs + 1);
    log.state = state;
    goOn();
    const bob = new SseReader(await response);
    await bob.closed;
    expect([bob.chunks, bob.end]).toEqual([[], undefined]);
    model.close();
  });

  it('begins no answer with an upload that came in slowly', async () => {
    const { clock, move } = movableClock();
    const { world, members } = membersWorld(60_000, { clock });
    const body = new TransformStream<Uint8Array, Uint8Array>();
    const upload = body.writable.getWriter();
    const headers = { 'x-user': 'bob', 'x-chat-id': 'c', 'content-type': 'application/json' };
    const init = { method: 'POST', headers, body: body.readable, duplex: 'half' } as RequestInit;
    const response = world.fetch('', init);
    const text = new TextEncoder().encode(JSON.stringify(send));
    await upload.write(text.subarray(0, 10));
    members.delete('bob');
    move(grantHoldsMs + 1);
    await upload.write(text.subarray(10));
    await upload.close();
    expect([(await response).status, world.models]).toEqual([403, []]);
    expect((await world.log.state('c')).turn).toBe(0);
  });

  it('reports a log that did not record the revocation, which holds in this process', async () => {
    const { world, members, as } = membersWorld();
    await world.send(send, as('ann'));
    const bob = new SseReader(await world.fetch('/c/stream', as('bob')));
    world.log.revoke = () => Promise.reject(new Error('The log is away.'));
    members.delete('bob');
    await expect(world.handler.runtime.revoke({ chatId: 'c', userId: 'bob' })).rejects.toThrow('away');
    await bob.closed;
    (await world.model()).close();
  });

  it('is disconnected when authorize is asked again, without revoke', async () => {
    const { world, members, as } = membersWorld(30);
    await world.send(send, as('ann'));
    const model = await world.model();
    const reader = new SseReader(await world.fetch('/c/stream?follow=0', as('bob')));
    members.delete('bob');
    await reader.closed;
    expect(reader.end).toBeUndefined();
    model.close();
  });

  it('is asked about no longer than the stream lives', async () => {
    const { world, as, asked } = membersWorld(20);
    const response = await world.send(send, as('ann'));
    const reader = new SseReader(response);
    (await world.model()).close();
    await reader.closed;
    const count = asked();
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(asked()).toBe(count);
  });

  it.each([
    ['says that the reader may', () => true],
    ['never answers', () => new Promise<boolean>(() => {})],
  ])('reads no longer than an hour in one stream, also where authorize %s', async (_title, answer) => {
    let movedMs = 0;
    const clock = { ...systemClock, now: () => systemClock.now() + movedMs };
    // The stream's own questions: the response of the send is asked about as well, and at other moments.
    let asked = 0;
    const authorize = ({ request }: { request: Request }) => {
      if (request.method === 'POST') return true;
      asked += 1;
      return asked > 1 ? answer() : true;
    };
    const world = createWorld({
      clock,
      reauthorizeMs: 20,
      idleMs: 10 * maxStreamMs,
      leaseMs: 10 * maxStreamMs,
      authorize,
    });
    await world.send(send);
    const reader = new SseReader(await world.fetch('/c/stream'));
    (await world.model()).text('one');
    await reader.saw('one');
    await until('authorize to be asked again', () => asked > 1);
    expect(reader.done).toBe(false);
    movedMs = maxStreamMs;
    await reader.closed;
    expect(reader.end).toBeUndefined();
    await world.handler.runtime.close();
  });

  it('is everybody without a user, and where the app names no users it is asked about each stream', async () => {
    let isOpen = true;
    const world = createWorld({ authorize: () => isOpen });
    const reader = new SseReader(await world.send(send));
    (await world.model()).text('one');
    await world.handler.runtime.revoke({ chatId: 'c', userId: 'bob' });
    await world.handler.runtime.revoke({ chatId: 'other' });
    const second = new SseReader(await world.fetch('/c/stream'));
    await until('the start', () => second.chunks.length > 0);
    expect(reader.done).toBe(false);
    isOpen = false;
    await world.handler.runtime.revoke({ chatId: 'c', userId: 'bob' });
    await Promise.all([reader.closed, second.closed]);
  });

  it('stays while the app cannot say, and the failure is reported', async () => {
    let fails = false;
    const world = createWorld({
      reauthorizeMs: 20,
      authorize: () => {
        if (fails) throw new Error('The database is down.');
        return true;
      },
    });
    const reader = new SseReader(await world.send(send));
    const model = await world.model();
    fails = true;
    await until('the failure', () => world.events.some(({ type }) => type === 'request-failed'));
    model.text('on');
    await reader.saw('on');
    model.close();
    await reader.closed;
    expect(reader.end).toMatch(/:finish$/);
  });
});

describe('one user', () => {
  it('may have a limited number of open streams, and has room again when one is closed', async () => {
    const world = createWorld({
      maxStreamsPerUser: 2,
      authorize: ({ request }) => ({ userId: request.headers.get('x-user') ?? '' }),
    });
    const open = async (userId: string) => {
      const controller = new AbortController();
      const init = { headers: { 'x-user': userId }, signal: controller.signal };
      return { response: await world.fetch('/c/stream?follow=0&wait=20000', init), controller };
    };
    const [first] = [await open('ann'), await open('ann')];
    const { response } = await open('ann');
    expect([response.status, ((await response.json()) as Answer).error.code]).toEqual([429, 'rate-limited']);
    expect((await open('bob')).response.status).toBe(200);
    await first.response.body?.cancel();
    expect((await open('ann')).response.status).toBe(200);
    await world.handler.runtime.close();
  });

  it('may have a limited number of commands under way, which does not take from the streams', async () => {
    const log = memoryLog();
    const begun: (() => void)[] = [];
    const { command } = log;
    log.command = (key, sent) =>
      new Promise((resolve, reject) => begun.push(() => void command.call(log, key, sent).then(resolve, reject)));
    const world = createWorld({ log, maxStreamsPerUser: 2, authorize: () => ({ userId: 'ann' }) });
    await world.send(send);
    const stop = async (id: string) => {
      const response = await world.post('/c/command', { id, runId: 'r', type: 'cancel' });
      return [response.status, ((await response.json()) as Partial<Answer>).error?.code];
    };
    const under = [stop('1'), stop('2')];
    await until('two commands', () => begun.length === 2);
    expect(await stop('3')).toEqual([429, 'rate-limited']);
    expect((await world.fetch('/c/stream?follow=0')).status).toBe(200);
    for (const goOn of begun) goOn();
    expect(await Promise.all(under)).toEqual([
      [200, undefined],
      [200, undefined],
    ]);
    await world.handler.runtime.close();
  });

  it('may read what there is while as many streams are open as are allowed', async () => {
    const world = createWorld({ maxStreamsPerUser: 2, authorize: () => ({ userId: 'ann' }) });
    const open = (search: string) => world.fetch(`/c/stream?${search}`);
    for (const search of ['follow=0&wait=20000', 'follow=0']) expect((await open(search)).status).toBe(200);
    expect((await open('follow=0')).status).toBe(429);
    for (let count = 0; count < 3; count++) {
      const response = await open('follow=0&wait=0');
      expect(response.status).toBe(200);
      await response.text();
    }
    await world.handler.runtime.close();
  });
});
