import { memoryLog } from '@chat-transport/core/memory';
import { describe, expect, it } from 'vitest';
import { createWorld, ended, SseReader, until, user } from './support.ts';

const send = { id: 'c', runId: 'r1', messages: [user('m1', 'hi')] };

describe('a model that hangs', () => {
  it('ends its run as an error, keeps what was said, and frees the chat', async () => {
    const world = createWorld({ idleMs: 60, leaseMs: 1000, renewEveryMs: 20 });
    const reader = new SseReader(await world.send(send));
    const model = await world.model();
    model.text('one ');
    await reader.closed;
    expect([reader.streamedText, reader.end]).toEqual(['one ', expect.stringMatching(/:error$/)]);
    expect([model.left, model.input.signal.aborted]).toEqual([true, true]);
    const failed = world.events.find(({ type }) => type === 'respond-failed');
    expect(failed).toMatchObject({ runId: 'r1', error: { code: 'deadline' } });
    await ended(world, 'error', 'r1');
    const next = await world.send({ ...send, runId: 'r2', messages: [user('m2', 'again')] });
    expect(next.status).toBe(200);
    (await world.model(2)).close();
  });

  it('before its first word ends its run as well', async () => {
    const world = createWorld({ idleMs: 60, respond: () => new Promise(() => {}) });
    const reader = new SseReader(await world.send(send));
    await reader.closed;
    expect(reader.end).toMatch(/:error$/);
  });

  it('is not one that speaks, or says that it works', async () => {
    const world = createWorld({ idleMs: 150 });
    const reader = new SseReader(await world.send(send));
    const model = await world.model();
    const pulse = async (act: () => void): Promise<void> => {
      for (let index = 0; index < 20; index += 1) {
        act();
        await new Promise((resolve) => setTimeout(resolve, 15));
      }
    };
    await pulse(() => model.text('x'));
    await pulse(() => model.input.keepAlive());
    model.close();
    await reader.closed;
    expect([reader.streamedText, reader.end]).toEqual(['x'.repeat(20), expect.stringMatching(/:finish$/)]);
  });

  it('is not one that waits for the log', async () => {
    const log = memoryLog();
    const { append } = log;
    let release = (): void => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    log.append = async (...parameters) => {
      await held;
      return append(...parameters);
    };
    const world = createWorld({ log, idleMs: 80, leaseMs: 5000 });
    const reader = new SseReader(await world.send(send));
    const model = await world.model();
    for (let index = 0; index < 600; index += 1) model.push({ type: 'data-page', data: 'x'.repeat(10_000) });
    model.close();
    await new Promise((resolve) => setTimeout(resolve, 200));
    release();
    await reader.closed;
    expect(world.events.filter(({ type }) => type.endsWith('failed'))).toEqual([]);
    expect(reader.end).toMatch(/:finish$/);
  });
});

describe('a process that was frozen for longer than its lease', () => {
  it('stops its model when it wakes, although the log does not answer', async () => {
    let frozenMs = 0;
    const clock = {
      now: () => Date.now() + frozenMs,
      setTimeout: (callback: () => void, ms: number) => setTimeout(callback, ms === 5000 ? 20 : Math.min(ms, 1000)),
      clearTimeout: (timer: unknown) => clearTimeout(timer as NodeJS.Timeout),
    };
    const log = memoryLog();
    const world = createWorld({ log, clock, leaseMs: 15_000 });
    const reader = new SseReader(await world.send(send));
    const model = await world.model();
    model.text('one');
    await reader.saw('one');
    expect(model.input.signal.aborted).toBe(false);
    log.renew = () => new Promise(() => {});
    frozenMs = 16_000;
    await until('the model to stop', () => model.input.signal.aborted);
    expect(model.left).toBe(true);
  });

  it('goes on where only its clock was set and the log says that the run is its own', async () => {
    let setMs = 0;
    const clock = {
      now: () => Date.now() + setMs,
      setTimeout: (callback: () => void, ms: number) => setTimeout(callback, ms === 5000 ? 20 : ms),
      clearTimeout: (timer: unknown) => clearTimeout(timer as NodeJS.Timeout),
    };
    const world = createWorld({ clock, leaseMs: 15_000 });
    const reader = new SseReader(await world.send(send));
    const model = await world.model();
    model.text('one ');
    await reader.saw('one');
    setMs = 3_600_000;
    await new Promise((resolve) => setTimeout(resolve, 150));
    model.text('two');
    model.close();
    await reader.closed;
    expect([reader.streamedText, reader.end]).toEqual(['one two', expect.stringMatching(/:finish$/)]);
  });
});
