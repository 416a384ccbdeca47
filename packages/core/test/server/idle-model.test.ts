import { memoryLog } from '@chat-transport/core/memory';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { createWorld, ended, SseReader, until, user } from './support.ts';

const send = { id: 'c', runId: 'r1', messages: [user('m1', 'hi')] };

describe('a model that hangs', () => {
  it('ends its run as an error, keeps the text so far, and frees the chat', async () => {
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
    const idleMs = 80;
    let steps = 0;
    const clock = {
      ...systemClock,
      // The silence of a model is measured in four steps.
      setTimeout: (callback: () => void, ms: number) =>
        systemClock.setTimeout(() => {
          if (ms === idleMs / 4) steps += 1;
          callback();
        }, ms),
    };
    const world = createWorld({ log, clock, idleMs, leaseMs: 5000 });
    const reader = new SseReader(await world.send(send));
    const model = await world.model();
    for (let index = 0; index < 600; index += 1) model.push({ type: 'data-page', data: 'x'.repeat(10_000) });
    model.close();
    await until('the log to be slower than a model may be', () => steps > 8);
    release();
    await reader.closed;
    expect(world.events.filter(({ type }) => type.endsWith('failed'))).toEqual([]);
    expect(reader.end).toMatch(/:finish$/);
  });
});

describe('a process that was frozen for longer than its lease', () => {
  const leaseMs = 15_000;

  /** A clock that can be moved. Only renewals, and the wait for their answer, come at once: no other timer of the run comes during a test. */
  function movableClock() {
    const quick = new Set([leaseMs / 3, 1000]);
    const clock = {
      movedMs: 0,
      now: () => Date.now() + clock.movedMs,
      setTimeout: (callback: () => void, ms: number) => setTimeout(callback, quick.has(ms) ? 20 : ms),
      clearTimeout: (timer: unknown) => clearTimeout(timer as NodeJS.Timeout),
    };
    return clock;
  }

  it('stops its model when it wakes, although the log does not answer', async () => {
    const clock = movableClock();
    const log = memoryLog();
    const world = createWorld({ log, clock, leaseMs });
    const reader = new SseReader(await world.send(send));
    const model = await world.model();
    model.text('one');
    await reader.saw('one');
    const { signal } = model.input;
    expect(signal.aborted).toBe(false);
    log.renew = () => new Promise(() => {});
    clock.movedMs = leaseMs + 1000;
    await until('the model to stop', () => signal.aborted);
    // Not for another reason, such as its silence.
    expect([String(signal.reason), model.left]).toEqual([expect.stringContaining('abandoned'), true]);
  });

  it('goes on where only its clock was set and the log says that the run is its own', async () => {
    const clock = movableClock();
    const log = memoryLog();
    const { renew } = log;
    let renewals = 0;
    log.renew = async (...parameters) => {
      const news = await renew(...parameters);
      renewals += 1;
      return news;
    };
    const world = createWorld({ log, clock, leaseMs });
    const reader = new SseReader(await world.send(send));
    const model = await world.model();
    model.text('one ');
    await reader.saw('one');
    clock.movedMs = 3_600_000;
    const before = renewals;
    await until('the lease to be renewed', () => renewals > before + 3);
    model.text('two');
    model.close();
    await reader.closed;
    expect([reader.streamedText, reader.end]).toEqual(['one two', expect.stringMatching(/:finish$/)]);
  });
});
