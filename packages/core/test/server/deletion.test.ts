import { memoryLog } from '@chat-transport/core/memory';
import type { RealtimeHost } from '@chat-transport/core/provider';
import { describe, expect, it } from 'vitest';
import { type Answer, createWorld, ended, recordingRealtime, SseReader, textOf, until, user } from './support.ts';

const send = { id: 'c', runId: 'r1', messages: [user('m1', 'hi')] };
const erase = { method: 'DELETE' };
const asJson = { headers: { accept: 'application/json' } };

describe('deleting a chat', () => {
  it('ends the active run for its readers, saves nothing any more, and leaves an empty chat', async () => {
    const world = createWorld({ allowDelete: true });
    const reader = new SseReader(await world.send(send));
    const model = await world.model();
    model.text('secret');
    await reader.saw('secret');
    const deleted = await world.fetch('/c', erase);
    expect([deleted.status, await deleted.json()]).toEqual([200, { turn: 2 }]);
    await reader.closed;
    expect(reader.end?.split(':')[2]).toBe('cancel');
    await until('the model to leave', () => model.left);
    expect(await world.state('c')).toEqual({ turn: 2, deleted: true });
    await world.handler.runtime.close();
    expect(world.finished).toEqual([]);
  });

  it('tells a device that follows the chat by a frame of its own', async () => {
    const world = createWorld({ allowDelete: true });
    await world.send(send);
    (await world.model()).close();
    await ended(world, 'finish');
    const follower = new SseReader(await world.fetch('/c/stream?follow=1'));
    await world.fetch('/c', erase);
    const frame = '"turn":2,"at":0,"end":{"reason":"cancel","deleted":true}';
    await until(
      'the deletion',
      () => follower.text.includes(frame),
      () => follower.text,
    );
    await follower.cancel();
  });

  it('tells the connections of another process that hold the chat', async () => {
    const log = memoryLog();
    const here = createWorld({ log });
    const hosts: RealtimeHost[] = [];
    createWorld({ log, realtime: recordingRealtime({ connect: (host) => void hosts.push(host) }) });
    for (const isActive of [false, true]) {
      const chatId = isActive ? 'active' : 'idle';
      await here.send({ ...send, id: chatId });
      if (!isActive) {
        (await here.model()).close();
        await ended(here, 'finish');
      }
      const delivered: string[] = [];
      const leaving = new AbortController();
      await hosts[0]?.follow(chatId, (data) => void delivered.push(data), leaving.signal);
      await here.handler.runtime.deleteChat(chatId);
      const frame = '"turn":2,"at":0,"end":{"reason":"cancel","deleted":true}';
      await until(
        `the deletion of the ${chatId} chat`,
        () => delivered.some((data) => data.includes(frame)),
        () => delivered,
      );
      leaving.abort();
    }
  });

  it('is found by a device that catches up, where the writer of its run has not heard of it', async () => {
    const log = memoryLog();
    const world = createWorld({ log: { ...log, waitForCommand: () => new Promise(() => {}) } });
    const reader = new SseReader(await world.send(send));
    (await world.model()).text('secret');
    await reader.saw('secret');
    await createWorld({ log }).handler.runtime.deleteChat('c');
    for (const from of [0, 1]) {
      const response = await world.fetch(`/c/stream?run=r1&from=${from}&follow=1&wait=0`);
      expect([response.status, await response.json()]).toMatchObject([410, { error: { code: 'log-expired' } }]);
    }
    await reader.cancel();
  });

  it('waits for an onFinish that runs, so that the app can delete its own copy after it', async () => {
    let release = () => {};
    const saving = new Promise<void>((resolve) => {
      release = resolve;
    });
    const saved: string[] = [];
    const onFinish = async () => {
      saved.push('begins');
      await saving;
      saved.push('done');
    };
    const world = createWorld({ onFinish });
    await world.send(send);
    (await world.model()).close();
    await until('the saving', () => saved.length === 1);
    const deleted = world.handler.runtime.deleteChat('c').then(() => saved.push('deleted'));
    release();
    await deleted;
    expect(saved).toEqual(['begins', 'done', 'deleted']);
  });

  it('does not let a repeated send of an older run bring it back, and begins again with a new message', async () => {
    const world = createWorld();
    await world.send(send);
    (await world.model()).close();
    await ended(world, 'finish');
    await world.handler.runtime.deleteChat('c');
    await world.send(send);
    expect(world.models).toHaveLength(1);
    expect(await world.state('c')).toEqual({ turn: 2, deleted: true });
    const next = new SseReader(
      await world.send({ id: 'c', runId: 'r2', message: user('m2', 'again'), baseTurn: 2, messages: undefined }),
    );
    await until('the next model', () => world.models.length === 2);
    world.models[1]?.close();
    await next.closed;
    const { turn, messages } = await world.state('c');
    expect([turn, messages.map((message: never) => textOf(message))[0]]).toEqual([3, 'again']);
  });

  it('refuses a send that waited behind the deleted answer: it would bring back what its sender still shows', async () => {
    const world = createWorld({ onBusy: 'queue' });
    await world.send({ ...send, baseTurn: 0 }, asJson);
    await world.model();
    const messages = [user('m1', 'hi'), user('m2', 'and')];
    const waiting = world.send({ id: 'c', runId: 'r2', messages, baseTurn: 1 }, asJson);
    await until('it to wait', () => world.events.some(({ type }) => type === 'send-queued'));
    await world.handler.runtime.deleteChat('c');
    const response = await waiting;
    const { error, state } = (await response.json()) as Answer;
    expect([response.status, error.code, state]).toEqual([409, 'stale', { turn: 2, deleted: true }]);
  });

  it('refuses a send that waited also where the chat has begun again before its turn', async () => {
    const log = memoryLog();
    const calls = { ...log };
    const world = createWorld({ log: calls, onBusy: 'queue' });
    const other = createWorld({ log });
    await world.send({ ...send, baseTurn: 0 }, asJson);
    await world.model();
    const messages = [user('m1', 'hi'), user('m2', 'and')];
    const waiting = world.send({ id: 'c', runId: 'r2', messages, baseTurn: 1 }, asJson);
    await until('it to wait', () => world.events.some(({ type }) => type === 'send-queued'));
    let goOn = () => {};
    const begun = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    calls.state = (...args) => begun.then(() => log.state(...args));
    await other.handler.runtime.deleteChat('c');
    await other.send({ id: 'c', runId: 'r3', messages: [user('m3', 'new')], baseTurn: 2 }, asJson);
    goOn();
    (await other.model()).close();
    const response = await waiting;
    const { error, state } = (await response.json()) as Answer;
    expect([response.status, error.code, textOf(state.messages[0])]).toEqual([409, 'stale', 'new']);
  });

  it('refuses the send of a stock client that waited, too', async () => {
    const world = createWorld({ onBusy: 'queue' });
    await world.send(send, asJson);
    await world.model();
    const waiting = world.send({ id: 'c', messages: [user('m1', 'hi'), user('m2', 'and')] }, asJson);
    await until('it to wait', () => world.events.some(({ type }) => type === 'send-queued'));
    await world.handler.runtime.deleteChat('c');
    expect((await waiting).status).toBe(409);
    expect((await world.state('c')).messages).toBeUndefined();
  });

  it('refuses a send that comes again behind it, of a page that shows what was deleted', async () => {
    const world = createWorld({ onBusy: 'queue' });
    await world.send(send, asJson);
    (await world.model()).close();
    await ended(world, 'finish');
    await world.handler.runtime.deleteChat('c');
    await world.send({ id: 'c', runId: 'r3', messages: [user('m3', 'new')] }, asJson);
    const model = await world.model(2);
    const messages = [user('m1', 'hi'), user('m4', 'next')];
    const waiting = world.send({ id: 'c', runId: 'r4', messages, baseTurn: 1 }, asJson);
    await until('it to wait', () => world.events.some(({ type }) => type === 'send-queued'));
    model.close();
    expect((await waiting).status).toBe(409);
  });

  it('refuses no send that came after it, of a page that does not know what it shows', async () => {
    const world = createWorld({ onBusy: 'queue' });
    await world.send(send, asJson);
    await world.model();
    await world.handler.runtime.deleteChat('c');
    await world.send({ id: 'c', runId: 'r3', messages: [user('m3', 'new')] }, asJson);
    const model = await world.model(2);
    const messages = [user('m1', 'hi'), user('m4', 'next')];
    const waiting = world.send({ id: 'c', runId: 'r4', messages, baseTurn: 0 }, asJson);
    await until('it to wait', () => world.events.some(({ type }) => type === 'send-queued'));
    model.close();
    expect((await waiting).status).toBe(202);
    // What it shows may have been deleted: of its questions, the newest counts.
    expect((await world.model(3)).input.messages.map(textOf)).toEqual(['new', '', 'next']);
  });

  it('is refused over HTTP unless the app allows it, whatever authorize answers', async () => {
    const closed = createWorld({ authorize: () => true });
    expect((await closed.fetch('/c', erase)).status).toBe(403);
    const actions: string[] = [];
    const open = createWorld({
      allowDelete: true,
      authorize: ({ action }) => {
        actions.push(action);
        return action !== 'delete';
      },
    });
    expect((await open.fetch('/c', erase)).status).toBe(403);
    expect(actions).toEqual(['delete']);
  });
});

describe('a log that was emptied', () => {
  it('ends its runs for devices, and saves what this process has of them', async () => {
    const log = memoryLog();
    const emptied = memoryLog();
    const calls = { ...log };
    const world = createWorld({ log: calls });
    const reader = new SseReader(await world.send(send));
    const model = await world.model();
    model.text('part');
    await reader.saw('part');
    Object.assign(calls, emptied);
    model.text('more');
    await until('the end', () => world.finished.length === 1);
    expect(world.finished[0]).toMatchObject({ runId: 'r1', outcome: 'lost' });
    expect(textOf(world.finished[0]?.messages[1])).toBe('part');
    await reader.closed;
    expect(reader.end?.split(':')[2]).toBe('lost');
  });
});
