import { describe, expect, it } from 'vitest';
import { createWorld, SseReader, until, user } from './support.ts';

const send = { id: 'c', runId: 'r1', messages: [user('m1', 'hi')] };

/** A world where each request's user is in a header, and the test decides who may read. */
function membersWorld(reauthorizeMs = 60_000) {
  const members = new Set(['ann', 'bob']);
  let asked = 0;
  const world = createWorld({
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
    world.handler.runtime.revoke({ chatId: 'c', userId: 'bob' });
    await Promise.all([follower, stream, poll].map((reader) => reader?.closed));
    expect([follower, stream, poll].map((reader) => reader?.end)).toEqual([undefined, undefined, undefined]);
    expect((await world.fetch('/c/stream', as('bob'))).status).toBe(403);
    model.text('two');
    model.close();
    await own.closed;
    expect([own.streamedText, own.end]).toEqual(['one two', expect.stringMatching(/:finish$/)]);
    expect(stream?.text).not.toContain('two');
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

  it('is everybody without a user, and where the app names no users it is asked about each stream', async () => {
    let isOpen = true;
    const world = createWorld({ authorize: () => isOpen });
    const reader = new SseReader(await world.send(send));
    (await world.model()).text('one');
    world.handler.runtime.revoke({ chatId: 'c', userId: 'bob' });
    world.handler.runtime.revoke({ chatId: 'other' });
    const second = new SseReader(await world.fetch('/c/stream'));
    await until('the start', () => second.chunks.length > 0);
    expect(reader.done).toBe(false);
    isOpen = false;
    world.handler.runtime.revoke({ chatId: 'c', userId: 'bob' });
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
