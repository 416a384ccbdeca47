import { memoryLog } from '@chat-transport/core/memory';
import { ChatTransportError, type RunLog } from '@chat-transport/core/provider';
import { describe, expect, it } from 'vitest';
import { type Answer, createWorld, ended, SseReader, until, user } from './support.ts';

const send = { id: 'c', runId: 'r1', messages: [user('m1', 'hi')] };

describe('a log that takes nothing', () => {
  it('stops the reading of the model: nothing piles up', async () => {
    const log = memoryLog();
    let release = () => {};
    const open = new Promise<void>((resolve) => {
      release = resolve;
    });
    const append: RunLog['append'] = async (...args) => {
      await open;
      return log.append(...args);
    };
    let made = 0;
    const world = createWorld({
      log: { ...log, append },
      async *respond() {
        yield { type: 'text-start', id: 't' };
        for (; made < 5000; made += 1) yield { type: 'data-x', data: 'x'.repeat(1000) };
      },
    });
    const reader = new SseReader(await world.send(send));
    let before = -1;
    await until('the model to wait', () => {
      const isStill = made > 0 && made === before;
      before = made;
      return isStill;
    });
    expect(made).toBeLessThan(2000);
    release();
    await reader.closed;
    expect(made).toBe(5000);
    expect(reader.end).toBe('r1:5002:finish');
  });
});

describe('a stream whose log fails', () => {
  it('closes without an end, which is a gap and not a finish', async () => {
    const log = memoryLog();
    let isDown = false;
    const read: RunLog['read'] = async (...args) => {
      if (isDown) throw new ChatTransportError({ code: 'provider-failed', message: 'down' });
      return log.read(...args);
    };
    const here = createWorld({ log });
    const there = createWorld({ log: { ...log, read } });
    await here.send(send);
    const model = await here.model();
    model.text('part');
    const reader = new SseReader(await there.fetch('/c/stream'));
    await reader.saw('part');
    isDown = true;
    model.text(' more');
    await reader.closed;
    expect([reader.end, there.events.map(({ type }) => type)]).toEqual([undefined, ['request-failed']]);
  });
});

describe('a chat past its retention', () => {
  it('says that it is gone, and goes on with the next turn', async () => {
    let offsetMs = 0;
    const world = createWorld({ log: memoryLog({ now: () => Date.now() + offsetMs, retentionMs: 60_000 }) });
    const reader = new SseReader(await world.send(send));
    (await world.model()).close();
    await reader.closed;
    offsetMs = 61_000;
    const response = await world.fetch('/c/stream?run=r1&from=0');
    expect([response.status, ((await response.json()) as Answer).error.code]).toEqual([410, 'log-expired']);
    const only = await world.send({ id: 'c', message: user('m2', 'more') });
    expect([only.status, ((await only.json()) as Answer).error.code]).toEqual([410, 'log-expired']);
    expect(await world.state('c')).toMatchObject({ turn: 1 });
    const whole = await world.send({ id: 'c', messages: [user('m1', 'hi'), user('m2', 'more')] });
    expect(whole.headers.get('x-chat-turn')).toBe('2');
  });

  it('keeps the history of an app that has one', async () => {
    let offsetMs = 0;
    const stored = [user('m1', 'hi')];
    const world = createWorld({
      log: memoryLog({ now: () => Date.now() + offsetMs, retentionMs: 60_000 }),
      loadMessages: () => stored,
      onFinish: ({ messages }) => void stored.splice(0, stored.length, ...messages),
    });
    await world.send({ id: 'c', message: user('m2', 'more') });
    (await world.model()).close();
    await ended(world, 'finish');
    offsetMs = 61_000;
    expect((await world.state('c')).messages.map(({ id }: { id: string }) => id)).toEqual([
      'm1',
      'm2',
      expect.any(String),
    ]);
  });
});

describe('onFinish', () => {
  it('that takes its time holds the end back for ten seconds at most', async () => {
    let nowMs = 0;
    const timers: { at: number; callback: () => void }[] = [];
    const clock = {
      now: () => nowMs,
      setTimeout: (callback: () => void, ms: number) => {
        const timer = { at: nowMs + ms, callback };
        timers.push(timer);
        return timer;
      },
      clearTimeout: (timer: unknown) => void timers.splice(timers.indexOf(timer as never) >>> 0, 1),
    };
    let isSaving = false;
    const world = createWorld({
      clock,
      onFinish: () => {
        isSaving = true;
        return new Promise(() => {});
      },
    });
    const reader = new SseReader(await world.send(send));
    (await world.model()).close();
    await until('the saving', () => isSaving);
    const pass = (ms: number) => {
      nowMs += ms;
      for (const timer of timers.filter(({ at }) => at <= nowMs)) {
        clock.clearTimeout(timer);
        timer.callback();
      }
    };
    pass(9000);
    expect((await world.log.state('c')).active).toBeDefined();
    pass(2000);
    await reader.closed;
    expect(reader.end).toMatch(/:finish$/);
  });
});
