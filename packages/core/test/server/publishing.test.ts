import { memoryLog } from '@chat-transport/core/memory';
import { ChatTransportError } from '@chat-transport/core/provider';
import { describe, expect, it } from 'vitest';
import { createWorld, ended, recordingRealtime, SseReader, until, user } from './support.ts';

const send = { id: 'c', runId: 'r1', messages: [user('m1', 'hi')] };

describe('what is published', () => {
  it('is the start, the frames of the log, and the end, in order', async () => {
    const realtime = recordingRealtime();
    const world = createWorld({ realtime });
    const reader = new SseReader(await world.send(send));
    const model = await world.model();
    model.text('one');
    await reader.saw('one');
    model.text('two');
    model.close();
    await reader.closed;
    await until(
      'the end',
      () => realtime.published.some(({ frame }) => frame.end),
      () => realtime.published,
    );
    const { frames } = await world.log.read({ chatId: 'c', runId: 'r1' }, { from: 0 });
    const base = { v: 1, run: 'r1', turn: 1 };
    expect(realtime.published.map(({ frame }) => frame)).toEqual([
      {
        ...base,
        start: {
          trigger: 'submit-message',
          from: '',
          messageId: model.input.messageId,
          before: null,
          tail: send.messages,
        },
      },
      ...frames.map((frame) => ({ ...base, ...frame })),
      { ...base, at: frames.at(-1)?.next, end: { reason: 'finish' } },
    ]);
    expect(new Set(realtime.published.map(({ channel }) => channel))).toEqual(new Set(['chat-c']));
  });

  it('fits the service: what is too large is pointed at', async () => {
    const realtime = recordingRealtime({ limits: { maxMessageBytes: 1000, flushIntervalMs: 0 } });
    const world = createWorld({ realtime });
    const reader = new SseReader(await world.send(send));
    const model = await world.model();
    model.push({ type: 'data-big', data: 'x'.repeat(5000) });
    model.close();
    await reader.closed;
    await until('the end', () => realtime.published.some(({ frame }) => frame.end));
    const pointer = realtime.published.find(({ frame }) => 'next' in frame && !frame.chunks);
    expect(pointer?.frame).toEqual({ v: 1, run: 'r1', turn: 1, at: expect.any(Number), next: expect.any(Number) });
    expect(reader.chunks.some(({ type }) => type === 'data-big')).toBe(true);
  });

  it('is not published twice where the service is the log', async () => {
    const realtime = recordingRealtime({ log: memoryLog() });
    const world = createWorld({ realtime });
    const reader = new SseReader(await world.send(send));
    (await world.model()).close();
    await reader.closed;
    expect(realtime.published).toEqual([]);
  });
});

describe('a service that fails', () => {
  it('never fails the run, whose readers have HTTP', async () => {
    const realtime = recordingRealtime({
      publish: async () => {
        throw new Error('the service is down');
      },
    });
    const world = createWorld({ realtime });
    const reader = new SseReader(await world.send(send));
    const model = await world.model();
    model.text('still here');
    model.close();
    await reader.closed;
    expect([reader.streamedText, reader.end]).toEqual(['still here', 'r1:5:finish']);
    await until('the failures', () => world.events.some(({ type }) => type === 'publish-failed'));
  });

  it('or hangs, holds neither the run nor another chat back', async () => {
    const realtime = recordingRealtime();
    const publish: typeof realtime.publish = async (channel, data, signal) =>
      channel === 'chat-c' ? new Promise(() => {}) : realtime.publish(channel, data, signal);
    const world = createWorld({ realtime: { ...realtime, publish } });
    const reader = new SseReader(await world.send(send));
    (await world.model()).close();
    await reader.closed;
    expect(reader.end).toBe('r1:2:finish');
    const other = new SseReader(await world.send({ ...send, id: 'd' }));
    (await world.model(2)).close();
    await other.closed;
    await until('the other chat', () => realtime.published.some(({ frame }) => frame.end));
  });

  it('or hangs on one message, gets the next one after ten seconds', async () => {
    const realtime = recordingRealtime();
    let isFirst = true;
    const publish: typeof realtime.publish = async (channel, data, signal) => {
      if (!isFirst) return realtime.publish(channel, data, signal);
      isFirst = false;
      return new Promise(() => {});
    };
    const clock = {
      now: () => Date.now(),
      setTimeout: (callback: () => void, ms: number) => setTimeout(callback, ms === 10_000 ? 20 : ms),
      clearTimeout: (timer: unknown) => clearTimeout(timer as NodeJS.Timeout),
    };
    const world = createWorld({ realtime: { ...realtime, publish }, clock });
    await world.send(send);
    (await world.model()).close();
    await until('the end', () => realtime.published.some(({ frame }) => frame.end));
    expect(world.events.map(({ type }) => type)).toContain('publish-failed');
  });

  it('or refuses for its rate, gets the same message again, in order', async () => {
    const realtime = recordingRealtime();
    let refusals = 2;
    const publish: typeof realtime.publish = async (channel, data, signal) => {
      if (refusals-- > 0) throw new ChatTransportError({ code: 'rate-limited', message: 'slow down' });
      return realtime.publish(channel, data, signal);
    };
    const world = createWorld({ realtime: { ...realtime, publish } });
    const reader = new SseReader(await world.send(send));
    const model = await world.model();
    model.text('x');
    model.close();
    await reader.closed;
    await until(
      'the end',
      () => realtime.published.some(({ frame }) => frame.end),
      () => realtime.published,
    );
    const positions = realtime.published.map(({ frame }) => frame.at ?? -1);
    expect(positions).toEqual([...positions].sort((a, b) => a - b));
    expect(positions[0]).toBe(-1);
  });
});

describe('a metered service', () => {
  it('gets fewer and larger frames, for its interval and its rate', async () => {
    const count = async (limits: object) => {
      const realtime = recordingRealtime({ limits: { maxMessageBytes: 65_536, flushIntervalMs: 0, ...limits } });
      const world = createWorld({
        realtime,
        async *respond() {
          yield { type: 'text-start', id: 't' };
          for (let index = 0; index < 50; index += 1) {
            await new Promise((resolve) => setTimeout(resolve, 1));
            yield { type: 'text-delta', id: 't', delta: 'word ' };
          }
          yield { type: 'text-end', id: 't' };
        },
      });
      const reader = new SseReader(await world.send(send));
      await reader.closed;
      await ended(world, 'finish');
      expect(reader.streamedText).toBe('word '.repeat(50));
      await until('the end', () => realtime.published.some(({ frame }) => frame.end));
      return realtime.published.length;
    };
    const [free, byInterval, byRate] = [
      await count({}),
      await count({ flushIntervalMs: 40 }),
      await count({ publishesPerSecond: 25 }),
    ];
    expect(free).toBeGreaterThan(30);
    expect(byInterval).toBeLessThan(free / 3);
    expect(byRate).toBeLessThan(free / 3);
  });
});
