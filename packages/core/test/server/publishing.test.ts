import { memoryLog } from '@chat-transport/core/memory';
import { ChatTransportError } from '@chat-transport/core/provider';
import { describe, expect, it } from 'vitest';
import { createWorld, ended, paced, recordingRealtime, SseReader, until, user } from './support.ts';

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
    const publish: typeof realtime.publish = async (channel, data, signal, id) =>
      channel === 'chat-c' ? new Promise(() => {}) : realtime.publish(channel, data, signal, id);
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
    const publish: typeof realtime.publish = async (channel, data, signal, id) => {
      if (!isFirst) return realtime.publish(channel, data, signal, id);
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
    const publish: typeof realtime.publish = async (channel, data, signal, id) => {
      if (refusals-- > 0) throw new ChatTransportError({ code: 'rate-limited', message: 'slow down' });
      return realtime.publish(channel, data, signal, id);
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
  it('gets fewer and larger messages, for its interval and its rate, and the log and readers get every word when it comes', async () => {
    const count = async (limits: object) => {
      const from = performance.now();
      const realtime = recordingRealtime({ limits: { maxMessageBytes: 65_536, flushIntervalMs: 0, ...limits } });
      const world = createWorld({ realtime, respond: () => paced(50, 2) });
      const reader = new SseReader(await world.send(send));
      await reader.closed;
      await ended(world, 'finish');
      expect(reader.streamedText).toBe('word '.repeat(50));
      await until('the end', () => realtime.published.some(({ frame }) => frame.end));
      const { frames } = await world.log.read({ chatId: 'c', runId: 'r1' }, { from: 0 });
      expect(frames.length).toBeGreaterThan(30);
      const boundaries = new Set(frames.map(({ next }) => next));
      const spans = realtime.published.flatMap(({ frame }) => (frame.chunks ? [frame] : []));
      for (const span of spans) expect(boundaries).toContain(span.next);
      expect(spans.flatMap(({ chunks }) => chunks)).toEqual(frames.flatMap(({ chunks }) => chunks));
      return { messages: realtime.published.length, seconds: (performance.now() - from) / 1000 };
    };
    const free = await count({});
    const byInterval = await count({ flushIntervalMs: 40 });
    const byRate = await count({ publishesPerSecond: 25 });
    // 25 a second, and a few that need not wait: the start, the first and the last words, the end, a burst.
    const atMost = ({ seconds }: { readonly seconds: number }): number => seconds * 25 + 8;
    expect(free.messages).toBeGreaterThan(30);
    expect(byInterval.messages).toBeLessThan(atMost(byInterval));
    expect(byRate.messages).toBeLessThan(atMost(byRate));
  });

  it('gets the first word of each run at once', async () => {
    const realtime = recordingRealtime({ limits: { maxMessageBytes: 65_536, flushIntervalMs: 60_000 } });
    const world = createWorld({ realtime });
    for (const [index, runId] of ['r1', 'r2'].entries()) {
      await world.send({ ...send, runId, messages: [user(`m-${runId}`, 'hi')] });
      const model = await world.model(index + 1);
      model.text(`first of ${runId}`);
      const words = () => realtime.published.filter(({ frame }) => JSON.stringify(frame).includes('text-delta'));
      await until('the first word', () => words().some(({ frame }) => frame.run === runId));
      const reader = new SseReader(await world.fetch('/c/stream'));
      model.text(`second of ${runId}`);
      await reader.saw(`second of ${runId}`);
      expect(JSON.stringify(words())).not.toContain(`second of ${runId}`);
      model.close();
      await until('the end', () => realtime.published.some(({ frame }) => frame.run === runId && frame.end));
      expect(JSON.stringify(words())).toContain(`second of ${runId}`);
      await ended(world, 'finish', runId);
    }
  });

  it('gets each message with an id that no other message has, the same for the same message', async () => {
    const seen = new Map<string, string>();
    const ids: string[] = [];
    let refusals = 0;
    const realtime = recordingRealtime({
      publish: async (_channel, data, _signal, id) => {
        expect(id).toMatch(/^[A-Za-z0-9_-]+$/);
        expect(seen.get(id) ?? data).toBe(data);
        seen.set(id, data);
        if (refusals++ % 3 === 1) throw new ChatTransportError({ code: 'rate-limited', message: 'slow down' });
        ids.push(id);
      },
    });
    const world = createWorld({ realtime, respond: () => paced(40, 5) });
    await world.send(send);
    await until('the end', () => ids.some((id) => /^r1-\d+-end$/.test(id)));
    expect(ids[0]).toBe('r1-start');
    const spans = ids.slice(1, -1).map((id) => /^r1-(\d+)-(\d+)$/.exec(id)?.slice(1).map(Number) ?? [id]);
    expect(spans[0]?.[0]).toBe(0);
    for (const [index, [at]] of spans.entries()) if (index > 0) expect(at).toBe(spans[index - 1]?.[1]);
    expect(new Set(ids).size).toBe(ids.length);
  });
});

describe('a service that is slow', () => {
  /** Answers each publish when the test says so. */
  const heldService = (pipelined: boolean) => {
    const held: (() => void)[] = [];
    const realtime = recordingRealtime({ limits: { maxMessageBytes: 65_536, flushIntervalMs: 0, pipelined } });
    const publish: typeof realtime.publish = async (channel, data, signal, id) => {
      await realtime.publish(channel, data, signal, id);
      await new Promise<void>((resolve) => held.push(resolve));
    };
    return { held, realtime: { ...realtime, publish } };
  };

  it('gets what waited meanwhile as one message', async () => {
    const { held, realtime } = heldService(false);
    const world = createWorld({ realtime, respond: () => paced(30, 2) });
    const reader = new SseReader(await world.send(send));
    await reader.closed;
    expect(realtime.published).toHaveLength(1);
    held[0]?.();
    await until('the chunks', () => realtime.published.length === 2);
    const { frames } = await world.log.read({ chatId: 'c', runId: 'r1' }, { from: 0 });
    expect(frames.length).toBeGreaterThan(15);
    expect(realtime.published[1]?.frame).toMatchObject({ at: 0, next: frames.at(-1)?.next });
    held[1]?.();
    await until('the end', () => realtime.published[2]?.frame.end);
  });

  it('and keeps the order, gets the next message before it has answered the last one, up to sixteen', async () => {
    const { held, realtime } = heldService(true);
    const world = createWorld({ realtime, respond: () => paced(60, 2) });
    const reader = new SseReader(await world.send(send));
    await reader.closed;
    expect(realtime.published).toHaveLength(16);
    for (const release of held) release();
    await until('the end', () => realtime.published.some(({ frame }) => frame.end));
    const spans = realtime.published.flatMap(({ frame }) => (frame.chunks ? [frame] : []));
    for (const [index, { at }] of spans.entries()) expect(at).toBe(index === 0 ? 0 : spans[index - 1]?.next);
  });

  it('gets a pointer where more waits than is kept for it', async () => {
    const { held, realtime } = heldService(false);
    const world = createWorld({ realtime });
    const reader = new SseReader(await world.send(send));
    const model = await world.model();
    for (let index = 0; index < 20; index += 1) {
      model.push({ type: 'data-large', data: `${index} ${'x'.repeat(20_000)}` });
      await until('the chunk', () => reader.text.includes(`"${index} xx`));
    }
    model.close();
    await reader.closed;
    held[0]?.();
    await until('the pointer', () => realtime.published[1]);
    expect(realtime.published[1]?.frame).toEqual({ v: 1, run: 'r1', turn: 1, at: 0, next: expect.any(Number) });
    expect(realtime.published[1]?.frame.next).toBeGreaterThan(10);
    for (let index = 1; !realtime.published.at(-1)?.frame.end; index += 1) {
      await until('the next message', () => held[index]);
      held[index]?.();
    }
  });
});

describe('a service that refuses everything for its rate', () => {
  it('slows neither the log nor readers, in no run of the process', async () => {
    const readers: SseReader[] = [];
    let attempts = 0;
    const realtime = recordingRealtime({
      limits: { maxMessageBytes: 65_536, flushIntervalMs: 0, publishesPerSecond: 2 },
      publish: async () => {
        attempts += 1;
        throw new ChatTransportError({ code: 'rate-limited', message: 'slow down' });
      },
    });
    const world = createWorld({ realtime, respond: () => paced(100, 2) });
    const chats = ['a', 'b', 'c'];
    for (const id of chats) {
      const reader = new SseReader(await world.send({ ...send, id }));
      void reader.closed.then(() => readers.push(reader));
    }
    await until('all answers', () => readers.length === chats.length);
    for (const reader of readers) {
      expect(reader.streamedText).toBe('word '.repeat(100));
      // One group for nearly each word: none waited for the service.
      expect(reader.events.filter(({ id }) => id).length).toBeGreaterThan(80);
    }
    for (const chatId of chats) {
      const { frames } = await world.log.read({ chatId, runId: 'r1' }, { from: 0 });
      expect(frames.length).toBeGreaterThan(80);
    }
    expect(attempts).toBeLessThan(20);
  });
});
