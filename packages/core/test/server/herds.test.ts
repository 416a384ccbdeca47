import { memoryLog } from '@chat-transport/core/memory';
import type { RunLog } from '@chat-transport/core/provider';
import { describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { FairTurns } from '../../src/server/run/fair-turns.ts';
import { SharedCalls } from '../../src/server/run/shared-calls.ts';
import { type Answer, createWorld, ended, SseReader, textOf, user, type World } from './support.ts';

const readers = 100;
const words = 500;

/** A log that counts what is read from a run's start, and of what chat's state. */
function counted(): { log: RunLog; counts: { reads: number; states: number } } {
  const counts = { reads: 0, states: 0 };
  const log = memoryLog();
  const { read, state } = log;
  return {
    counts,
    log: Object.assign(log, {
      read: (...call: Parameters<RunLog['read']>) => {
        if (call[1].from === 0) counts.reads += 1;
        return read.apply(log, call);
      },
      state: (...call: Parameters<RunLog['state']>) => {
        counts.states += 1;
        return state.apply(log, call);
      },
    }),
  };
}

async function answered(world: World, more = ''): Promise<void> {
  await world.send({ id: 'c', runId: 'r', messages: [user('u1', 'q')] });
  const model = await world.model();
  for (let index = 0; index < words; index += 1) {
    model.text(`word ${index} ${more}`);
    // Deltas that come together are one chunk of the log; what is between two of them keeps the run long.
    if (more) model.push({ type: 'data-word', data: index });
    if (more || index % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  model.close();
  await ended(world, 'finish');
}

async function bodyOf(response: Response): Promise<string> {
  expect(response.status).toBe(200);
  return response.text();
}

describe('many readers of one run', () => {
  it.each(['/c/stream?recent=60000', '/c/stream?run=r'])(
    'of an ended one (%s) share one read of the log',
    async (path) => {
      const { log, counts } = counted();
      const world = createWorld({ log });
      await answered(world);
      Object.assign(counts, { reads: 0, states: 0 });
      const bodies = await Promise.all(Array.from({ length: readers }, async () => bodyOf(await world.fetch(path))));
      expect(new Set(bodies).size).toBe(1);
      expect(bodies[0]).toContain(`word ${words - 1}`);
      expect(counts.reads).toBeLessThanOrEqual(1);
      expect(counts.states).toBeLessThan(10);
    },
  );

  it('who ask for its state get the same one, read once', async () => {
    const { log, counts } = counted();
    const world = createWorld({ log });
    await answered(world);
    Object.assign(counts, { reads: 0, states: 0 });
    const states = await Promise.all(Array.from({ length: readers }, async () => bodyOf(await world.fetch('/c'))));
    expect(new Set(states).size).toBe(1);
    expect(counts.states).toBeLessThan(10);
  });

  it('who join it live begin where the log is, and miss nothing', async () => {
    const world = createWorld();
    await world.send({ id: 'c', runId: 'r', messages: [user('u1', 'q')] });
    const model = await world.model();
    const bodies: SseReader[] = [];
    let text = '';
    for (let index = 0; index < 20; index += 1) {
      text += `word ${index} `;
      model.text(`word ${index} `);
      const joining = Array.from({ length: 5 }, () => world.fetch('/c/stream'));
      bodies.push(...(await Promise.all(joining)).map((response) => new SseReader(response)));
    }
    model.close();
    await Promise.all(bodies.map(({ closed }) => closed));
    for (const body of bodies) expect(body.streamedText).toBe(text);
    for (const body of bodies) expect(body.end).toMatch(/:finish$/);
  });

  it('get nothing of it once it is past its retention', async () => {
    let now = 1_000_000;
    const world = createWorld({ log: memoryLog({ now: () => now, retentionMs: 60_000 }) });
    await answered(world);
    expect((await world.fetch('/c/stream?run=r')).status).toBe(200);
    now += 60_001;
    const response = await world.fetch('/c/stream?run=r');
    expect([response.status, ((await response.json()) as Answer).error.code]).toEqual([410, 'log-expired']);
  });

  it('read the conversation of the log, even if the app has changed the messages that it received', async () => {
    const world = createWorld({
      onFinish: ({ messages }) => {
        for (const { parts } of messages) parts.length = 0;
      },
    });
    await answered(world);
    const [, answer] = (await world.state('c')).messages;
    expect(textOf(answer)).toContain(`word ${words - 1}`);
    const { messages = [] } = await world.handler.runtime.state('c');
    (messages[1] as { parts: unknown[] }).parts.length = 0;
    await world.send({ id: 'c', message: user('u2', 'q2'), baseTurn: 1 });
    const { input } = await world.model(2);
    expect(textOf(input.messages[1])).toBe(textOf(answer));
    (input.messages[1] as { parts: unknown[] }).parts.length = 0;
    expect(textOf((await world.state('c')).messages[1])).toBe(textOf(answer));
  });
});

describe('a long run that has ended', () => {
  const long = 'x'.repeat(200);

  it('is encoded once for all of its readers', async () => {
    const world = createWorld();
    await answered(world, long);
    const encode = vi.spyOn(TextEncoder.prototype, 'encode');
    const paths = Array.from({ length: readers }, () => '/c/stream?run=r');
    const bodies = await Promise.all(paths.map(async (path) => bodyOf(await world.fetch(path))));
    expect(new Set(bodies).size).toBe(1);
    expect(encode.mock.calls.filter(([text]) => (text?.length ?? 0) > 10_000).length).toBeLessThanOrEqual(1);
  });

  it('is served to the readers of another process from the copy that the log keeps, asked for once', async () => {
    const { log, counts } = counted();
    const first = createWorld({ log });
    await answered(first, long);
    const body = await bodyOf(await first.fetch('/c/stream?run=r'));
    const { messages } = await first.state('c');
    while (!(await log.snapshot({ chatId: 'c', runId: 'r' }))) await new Promise((resolve) => setImmediate(resolve));

    const snapshot = vi.spyOn(log, 'snapshot');
    Object.assign(counts, { reads: 0, states: 0 });
    const second = createWorld({ log });
    const bodies = await Promise.all(
      Array.from({ length: readers }, async (_, index) =>
        bodyOf(await second.fetch(index % 2 === 0 ? '/c/stream?run=r' : '/c/stream?recent=60000')),
      ),
    );
    expect(new Set(bodies)).toEqual(new Set([body]));
    expect((await second.state('c')).messages).toEqual(messages);
    expect(counts.reads).toBe(0);
    expect(snapshot).toHaveBeenCalledTimes(1);
  });

  it('is read frame by frame where the log keeps a copy of another format', async () => {
    const world = createWorld();
    await answered(world, long);
    const text = `${JSON.stringify({ format: 2, next: 1 })}\nwhat a later release made of it`;
    await world.log.saveSnapshot({ chatId: 'c', runId: 'r' }, text);
    expect(await bodyOf(await world.fetch('/c/stream?run=r'))).toContain(`word ${words - 1}`);
    expect(textOf((await world.state('c')).messages[1])).toContain(`word ${words - 1}`);
  });
});

describe("a run's own sender", () => {
  it('gets every chunk unchanged, also when it reads late', async () => {
    const world = createWorld();
    const response = await world.send({ id: 'c', messages: [user('u1', 'q')] });
    const model = await world.model();
    model.push(
      { type: 'data-progress', data: { percent: 10 }, transient: true },
      { type: 'tool-input-available', toolCallId: 't', toolName: 'where', input: {} },
      { type: 'tool-output-available', toolCallId: 't', output: 'here' },
    );
    model.close();
    await ended(world, 'finish');
    const body = new SseReader(response);
    await body.closed;
    expect(body.chunks.map(({ type }) => type)).toEqual([
      'start',
      'data-progress',
      'tool-input-available',
      'tool-output-available',
      'finish',
    ]);
  });
});

describe('turns of heavy work', () => {
  it('go from chat to chat: one does not wait behind all readers of another', async () => {
    const turns = new FairTurns(systemClock);
    const order: string[] = [];
    const take = async (chatId: string) => {
      await turns.take(chatId);
      order.push(chatId);
    };
    const herd = Array.from({ length: 20 }, () => take('herd'));
    const other = [take('other'), take('other')];
    await Promise.all([...herd, ...other]);
    expect(order.lastIndexOf('other')).toBeLessThanOrEqual(5);
  });

  it('go from user to user: one does not wait behind the requests of another to hundreds of chats', async () => {
    const world = createWorld({
      authorize: ({ request }) => ({ userId: request.headers.get('x-user') ?? '' }),
    });
    let answered = 0;
    const read = async (chatId: string, userId: string, path = '') => {
      await bodyOf(await world.fetch(`/${chatId}${path}`, { headers: { 'x-user': userId } }));
      return ++answered;
    };
    await world.send({ id: 'mine', runId: 'r', messages: [user('u1', 'q')] }, { headers: { 'x-user': 'b' } });
    (await world.model()).close();
    await ended(world, 'finish');
    const herd = Array.from({ length: 300 }, (_, index) => read(`c${index}`, 'a'));
    const others = await Promise.all([read('mine', 'b'), read('mine', 'b', '/stream?run=r')]);
    await Promise.all(herd);
    expect(Math.max(...others)).toBeLessThan(50);
  });

  it('go from user to user also for commands, which begin one in a turn', async () => {
    const world = createWorld({ authorize: ({ request }) => ({ userId: request.headers.get('x-user') ?? '' }) });
    const as = (userId: string) => ({ headers: { 'x-user': userId } });
    let answered = 0;
    const stop = async (id: string, chatId: string, userId: string) => {
      const response = await world.post(`/${chatId}/command`, { id, runId: 'r', type: 'cancel' }, as(userId));
      expect(response.status).toBe(200);
      return ++answered;
    };
    const herd = Array.from({ length: 250 }, (_, index) => stop('x', `c${index}`, 'a'));
    const other = await stop('x', 'mine', 'b');
    await Promise.all(herd);
    expect(other).toBeLessThan(50);
  });

  it('leave room for everything else between them', async () => {
    const turns = new FairTurns(systemClock);
    let isOver = false;
    const herd = Promise.all(Array.from({ length: 50 }, () => turns.take('herd'))).then(() => {
      isOver = true;
    });
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    expect(isOver).toBe(false);
    await herd;
  });
});

describe('a shared call', () => {
  it('is joined only while it has not begun: nobody gets an answer older than the question', async () => {
    const calls = new SharedCalls(new FairTurns(systemClock));
    let version = 0;
    let finish: () => void = () => {};
    const ask = () =>
      calls.call('c', 'version', async () => {
        const answer = ++version;
        await new Promise<void>((resolve) => {
          finish = resolve;
        });
        return answer;
      });
    const first = [ask(), ask()];
    while (version === 0) await new Promise((resolve) => setImmediate(resolve));
    const later = [ask(), ask()];
    finish();
    expect(await Promise.all(first)).toEqual([1, 1]);
    while (version === 1) await new Promise((resolve) => setImmediate(resolve));
    finish();
    expect(await Promise.all(later)).toEqual([2, 2]);
  });

  it('that fails fails for those who asked, and not for those who ask after it', async () => {
    const calls = new SharedCalls(new FairTurns(systemClock));
    let failures = 0;
    const ask = () =>
      calls.call('c', 'x', async () => {
        if (failures++ === 0) throw new Error('down');
        return 'up';
      });
    const first = await Promise.allSettled([ask(), ask()]);
    expect(first.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(await ask()).toBe('up');
  });
});
