import { memoryLog } from '@chat-transport/core/memory';
import type { UIMessageChunk } from 'ai';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { maxWaitMs } from '../../src/server/http/route-stream.ts';
import { type Answer, createWorld, ended, SseReader, until, user } from './support.ts';

const send = { id: 'c', runId: 'r1', messages: [user('m1', 'hi')] };

/** A world with one run of which `start`, `text-start` and three words are in the log, one frame each. */
async function begun(options: Parameters<typeof createWorld>[0] = {}) {
  const world = createWorld(options);
  const reader = new SseReader(await world.send(send));
  const model = await world.model();
  for (const word of ['one ', 'two ', 'three ']) {
    model.text(word);
    await reader.saw(word);
  }
  return { world, reader, model };
}

describe('a stream that ends before its run', () => {
  it('breaks off where the log fails, so that nobody takes half an answer for all of it', async () => {
    const log = memoryLog();
    let isAway = false;
    const read: typeof log.read = async (...args) => {
      if (isAway) throw new Error('the store is away');
      return log.read(...args);
    };
    const { model } = await begun({ log });
    const world = createWorld({ log: { ...log, read } });
    const reader = new SseReader(await world.fetch('/c/stream'));
    await reader.saw('three');
    isAway = true;
    model.text('four ');
    await reader.closed;
    expect(reader.broken).toMatchObject({ code: 'network' });
    expect(reader.end).toBeUndefined();
    model.close();
  });

  it('breaks off where access is taken back', async () => {
    const { world, reader, model } = await begun();
    await world.handler.runtime.revoke({ chatId: 'c' });
    await reader.closed;
    expect(reader.broken).toMatchObject({ code: 'network' });
    model.close();
  });
});

describe('a stream', () => {
  it('opens at once, names its run, and shows that it is alive', async () => {
    const world = createWorld({ heartbeatMs: 5 });
    const response = await world.send(send);
    expect(response.headers.get('x-chat-run-id')).toBe('r1');
    expect(response.headers.get('x-chat-turn')).toBe('1');
    expect(response.headers.get('content-type')).toBe('text/event-stream');
    const reader = new SseReader(response);
    await until(
      'two heartbeats',
      () => reader.comments.length >= 3,
      () => reader.comments,
    );
    expect(reader.comments.slice(0, 2)).toEqual(['ok', 'heartbeat']);
  });

  it('gives each chunk its event, each frame its position, and the end its reason', async () => {
    const { world, reader, model } = await begun();
    model.close();
    await reader.closed;
    const { frames } = await world.log.read({ chatId: 'c', runId: 'r1' }, { from: 0 });
    expect(reader.events.filter(({ id }) => id).map(({ id }) => id)).toEqual([
      ...frames.map(({ next }) => `r1:${next}`),
      'r1:7:finish',
    ]);
    expect(reader.chunks.map(({ type }) => type)).toEqual([
      'start',
      'text-start',
      'text-delta',
      'text-delta',
      'text-delta',
      'text-end',
      'finish',
    ]);
  });

  it('without a position begins with all so far in one group', async () => {
    const { world, model } = await begun();
    const reader = new SseReader(await world.fetch('/c/stream'));
    await reader.saw('three');
    expect(reader.chunks).toHaveLength(3);
    expect(reader.events.map(({ id }) => id)).toEqual([undefined, undefined, 'r1:5']);
    model.text('four');
    await reader.saw('four');
    expect(reader.events.at(-1)?.id).toBe('r1:6');
  });

  it('goes on from any position, by address or by header, with the frames of the log', async () => {
    const { world, model } = await begun();
    const byAddress = new SseReader(await world.fetch('/c/stream?run=r1&from=3'));
    const byHeader = new SseReader(await world.fetch('/c/stream', { headers: { 'last-event-id': 'r1:4' } }));
    model.close();
    await Promise.all([byAddress.closed, byHeader.closed]);
    expect([byAddress.streamedText, byAddress.end]).toEqual(['two three ', 'r1:7:finish']);
    expect([byHeader.streamedText, byHeader.end]).toEqual(['three ', 'r1:7:finish']);
  });

  it('from the end of an ended run is the end alone', async () => {
    const { world, model } = await begun();
    await world.command('c', { id: 's', runId: 'r1', type: 'cancel' });
    expect(model.input.runId).toBe('r1');
    for (const init of [{ query: '?run=r1&from=5' }, { headers: { 'last-event-id': 'r1:5:cancel' } }]) {
      const { query = '', headers = {} } = init as { query?: string; headers?: Record<string, string> };
      const reader = new SseReader(await world.fetch(`/c/stream${query}`, { headers }));
      await reader.closed;
      expect(reader.events).toEqual([{ data: '[DONE]', id: 'r1:5:cancel' }]);
    }
  });

  it('refuses a position inside a frame', async () => {
    const world = createWorld({
      async *respond() {
        yield* [
          { type: 'text-start', id: 't' },
          { type: 'text-delta', id: 't', delta: 'x' },
        ] as UIMessageChunk[];
      },
      realtime: {
        name: 'slow',
        limits: { maxMessageBytes: 10_000, flushIntervalMs: 0, publishesPerSecond: 20 },
        channelName: (id) => id,
        publish: async () => {},
      },
    });
    const reader = new SseReader(await world.send(send));
    await reader.closed;
    const { frames } = await world.log.read({ chatId: 'c', runId: 'r1' }, { from: 0 });
    const wide = frames.find(({ at, next }) => next - at > 1);
    expect(wide, JSON.stringify(frames)).toBeDefined();
    const response = await world.fetch(`/c/stream?run=r1&from=${(wide?.at ?? 0) + 1}`);
    expect([response.status, ((await response.json()) as Answer).error.code]).toEqual([400, 'invalid-offset']);
  });

  it('serves a run that has just ended to a page that asks for it', async () => {
    let offsetMs = 0;
    const { world, reader, model } = await begun({ log: memoryLog({ now: () => Date.now() + offsetMs }) });
    model.close();
    await reader.closed;
    expect((await world.fetch('/c/stream')).status).toBe(204);
    const again = new SseReader(await world.fetch('/c/stream?recent=60000'));
    await again.closed;
    expect([again.streamedText, again.end]).toEqual(['one two three ', 'r1:7:finish']);
    offsetMs = 60_000;
    expect((await world.fetch('/c/stream?recent=59000')).status).toBe(204);
  });

  it('joins the same send again from its beginning', async () => {
    const { world, model } = await begun();
    const again = new SseReader(await world.send(send));
    await again.saw('three');
    model.close();
    await again.closed;
    expect([again.streamedText, again.end]).toEqual(['one two three ', 'r1:7:finish']);
    expect(world.models).toHaveLength(1);
  });

  it('of a reader that left has no influence on the run, nor on other readers', async () => {
    const { world, reader, model } = await begun();
    const other = new SseReader(await world.fetch('/c/stream'));
    const controller = new AbortController();
    const third = new SseReader(await world.fetch('/c/stream', { signal: controller.signal }));
    await Promise.all([other.saw('three'), third.saw('three')]);
    await reader.cancel();
    controller.abort();
    await third.closed;
    expect(third.end).toBeUndefined();
    model.close();
    await other.closed;
    expect(other.end).toBe('r1:7:finish');
    await ended(world, 'finish');
  });

  it('that is read slowly loses nothing, and holds nobody back', async () => {
    const world = createWorld({
      async *respond() {
        yield { type: 'text-start', id: 't' };
        for (let index = 0; index < 3000; index += 1) {
          yield { type: 'text-delta', id: 't', delta: `${index} ` };
          // A data part between the deltas keeps them from merging.
          yield { type: 'data-x', id: 'd', data: index };
        }
        yield { type: 'text-end', id: 't' };
      },
    });
    const slow = await world.send(send);
    await ended(world, 'finish', 'r1');
    const reader = new SseReader(slow);
    await reader.closed;
    expect(reader.streamedText).toBe(Array.from({ length: 3000 }, (_, index) => `${index} `).join(''));
    expect(reader.end).toMatch(/:finish$/);
  });
});

describe('a long-poll', () => {
  it('brings what is there and closes, without an end that is not', async () => {
    const { world, model } = await begun();
    const reader = new SseReader(await world.fetch('/c/stream?run=r1&from=3&wait=25000'));
    await reader.closed;
    expect([reader.streamedText, reader.end]).toEqual(['two three ', undefined]);
    model.close();
    await ended(world, 'finish');
    const last = new SseReader(await world.fetch('/c/stream?run=r1&from=5&wait=5000'));
    await last.closed;
    expect(last.end).toBe('r1:7:finish');
  });

  it('waits for the first news, and not longer than ?wait asks', async () => {
    const { world, model } = await begun();
    const reader = new SseReader(await world.fetch('/c/stream?run=r1&from=5&wait=25000'));
    model.text('four');
    await reader.closed;
    expect(reader.streamedText).toBe('four');
    const none = new SseReader(await world.fetch('/c/stream?run=r1&from=6&wait=10'));
    await none.closed;
    expect([none.events, none.comments]).toEqual([[], ['ok']]);
    const now = new SseReader(await world.fetch('/c/stream?run=r1&from=6&follow=1&wait=0'));
    await now.closed;
    expect(now.events).toEqual([]);
  });

  it('is told at once of an end that the writer of its run has not heard of', async () => {
    const log = memoryLog();
    const world = createWorld({ log: { ...log, waitForCommand: () => new Promise(() => {}) } });
    const reader = new SseReader(await world.send(send));
    (await world.model()).text('hello');
    await reader.saw('hello');
    await until('the text to be in the log', async () => (await log.state('c')).active?.next !== 0);
    await log.command({ chatId: 'c', runId: 'r1' }, { id: 'c1', type: 'cancel' });
    const { runs } = await log.state('c');
    for (const from of [0, runs[0]?.next]) {
      const caughtUp = new SseReader(await world.fetch(`/c/stream?run=r1&from=${from}&follow=1&wait=0`));
      await caughtUp.closed;
      expect(caughtUp.text).toContain('"end":{"reason":"cancel"}');
    }
    await reader.cancel();
  });

  it('waits 25 s at most, however long ?wait is', async () => {
    let movedMs = 0;
    const clock = { ...systemClock, now: () => movedMs };
    const log = memoryLog();
    await begun({ log });
    const { read } = log;
    // In another process than the run's, no time passes but what the log waits.
    const world = createWorld({ log, clock });
    log.read = (key, { waitMs = 0, ...options }) => {
      movedMs += waitMs;
      return read(key, options);
    };
    const reader = new SseReader(await world.fetch('/c/stream?run=r1&from=5&wait=3600000'));
    await reader.closed;
    expect([reader.events, movedMs]).toEqual([[], maxWaitMs]);
    await world.handler.runtime.close();
  });
});

describe('a follower', () => {
  it('sees run after run, with starts and ends as frames', async () => {
    const { world, model } = await begun();
    const reader = new SseReader(await world.fetch('/c/stream?follow=1&run=r1&from=4'));
    await reader.saw('three');
    model.close();
    await until(
      'the first end',
      () => reader.frames.length === 1,
      () => reader.text,
    );
    const messages = [...send.messages, user('m2', 'more')];
    await world.send({ id: 'c', runId: 'r2', messages, clientId: 'tab-1' });
    const second = await world.model(2);
    second.text('answer');
    second.close();
    await until(
      'the second end',
      () => reader.frames.length === 3,
      () => reader.text,
    );
    expect(reader.frames).toEqual([
      { v: 1, run: 'r1', turn: 1, at: 7, end: { reason: 'finish' } },
      {
        v: 1,
        run: 'r2',
        turn: 2,
        start: {
          trigger: 'submit-message',
          from: 'tab-1',
          messageId: second.input.messageId,
          before: null,
          tail: messages,
        },
      },
      { v: 1, run: 'r2', turn: 2, at: expect.any(Number), end: { reason: 'finish' } },
    ]);
    expect([reader.end, reader.streamedText]).toEqual([undefined, 'three answer']);
    await reader.cancel();
  });

  it('of a chat without runs waits for the first', async () => {
    const world = createWorld();
    const reader = new SseReader(await world.fetch('/c/stream?follow=0'));
    await until('the opening', () => reader.comments.length === 1);
    await world.send(send);
    await until(
      'the start',
      () => reader.frames.length === 1,
      () => reader.text,
    );
    await world.command('c', { id: 's', runId: 'r1', type: 'cancel' });
    await until(
      'the end',
      () => reader.frames.length === 2,
      () => reader.text,
    );
    // A follower gets the reason in the frame, and no chunk that is in no log.
    expect(reader.chunks.filter(({ type }) => type === 'abort')).toEqual([]);
    await reader.cancel();
  });

  it.each(['wait=0', 'wait=300'])(
    'that has seen more than the log has gets the log’s newest run (%s)',
    async (wait) => {
      const { world, model } = await begun();
      model.close();
      await ended(world, 'finish');
      const reader = new SseReader(await world.fetch(`/c/stream?follow=7&${wait}`));
      await reader.closed;
      expect(reader.frames.map((frame) => [frame.run, 'start' in frame ? 'start' : 'end'])).toEqual([
        ['r1', 'start'],
        ['r1', 'end'],
      ]);
    },
  );

  it('that polls gets all the runs that it missed in one answer', async () => {
    const { world, model } = await begun();
    model.close();
    await ended(world, 'finish');
    await world.send({ id: 'c', runId: 'r2', messages: [user('m2', 'x')] });
    (await world.model(2)).close();
    await ended(world, 'finish', 'r2');
    const reader = new SseReader(await world.fetch('/c/stream?follow=0&wait=25000'));
    await reader.closed;
    expect(reader.frames.map((frame) => [frame.run, 'start' in frame ? 'start' : 'end'])).toEqual([
      ['r1', 'start'],
      ['r1', 'end'],
      ['r2', 'start'],
      ['r2', 'end'],
    ]);
  });
});
