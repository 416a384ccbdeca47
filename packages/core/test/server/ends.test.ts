import { memoryLog } from '@chat-transport/core/memory';
import { ChatTransportError, type RunLog } from '@chat-transport/core/provider';
import { createChatRuntime, type FinishInput } from '@chat-transport/core/server';
import { describe, expect, it } from 'vitest';
import {
  type Answer,
  createWorld,
  ended,
  heldDeadline,
  recordingRealtime,
  SseReader,
  textOf,
  until,
  user,
} from './support.ts';

const send = { id: 'c', runId: 'r1', messages: [user('m1', 'hi')] };
const shortLease = { leaseMs: 1_500, renewEveryMs: 100 };

/** A log whose user can die: from then on it neither hears nor says anything. */
function mortal(log: RunLog): { log: RunLog; die(): void } {
  let isDead = false;
  const never = new Promise<never>(() => {});
  const proxy = new Proxy(log, {
    get(target, name) {
      const method = Reflect.get(target, name);
      if (typeof method !== 'function') return method;
      return async (...args: unknown[]) => {
        if (isDead) return never;
        const answer = await method.apply(target, args);
        return isDead ? never : answer;
      };
    },
  });
  return {
    log: proxy,
    die: () => {
      isDead = true;
    },
  };
}

describe('a run whose server died', () => {
  it('ends as lost for readers in other processes, with the partial answer saved', async () => {
    const shared = memoryLog();
    const { log, die } = mortal(shared);
    const here = createWorld({ log, ...shortLease });
    const realtime = recordingRealtime();
    const there = createWorld({ log: shared, realtime, ...shortLease });
    const third = createWorld({ log: shared, ...shortLease });
    const first = new SseReader(await here.send(send));
    const model = await here.model();
    model.text('half');
    await first.saw('half');
    const reader = new SseReader(await there.fetch('/c/stream'));
    const further = new SseReader(await third.fetch('/c/stream'));
    await Promise.all([reader.saw('half'), further.saw('half')]);
    die();
    await Promise.all([reader.closed, further.closed]);
    expect(further.end).toBe('r1:3:lost');
    expect(reader.end).toBe('r1:3:lost');
    expect(reader.chunks.at(-1)).toMatchObject({ type: 'error' });
    const saved = () => [...there.finished, ...third.finished];
    await until(
      'the save',
      () => saved().length > 0,
      () => there.events,
    );
    expect(saved()[0]).toMatchObject({ outcome: 'lost', runId: 'r1' });
    expect(textOf(saved()[0]?.messages[1])).toBe('half');
    await until('the published end', () => realtime.published.some(({ frame }) => frame.end?.reason === 'lost'));
    expect((await there.state('c')).runs[0].end).toEqual({ reason: 'lost', at: 3 });
    expect((await there.send({ id: 'c', messages: [user('m2', 'again')] })).status).toBe(200);
    // Closing waits for what is being saved.
    await Promise.all([there.handler.runtime.close(), third.handler.runtime.close()]);
    expect(saved().filter(({ outcome }) => outcome === 'lost')).toHaveLength(1);
  });

  it('is reported once by each process, however often its readers ask while another process has the claim on it', async () => {
    const shared = memoryLog();
    const { log, die } = mortal(shared);
    const here = createWorld({ log, leaseMs: 50, renewEveryMs: 20 });
    const realtime = recordingRealtime();
    let claims = 0;
    const claim: RunLog['claim'] = async () => {
      claims += 1;
      return false;
    };
    const there = createWorld({ log: { ...shared, claim }, realtime });
    await here.send(send);
    await here.model();
    die();
    await until('the run to be lost', async () => (await shared.state('c')).runs[0]?.end?.reason === 'lost');
    for (let count = 0; count < 3; count += 1) {
      await there.state('c');
      await until('the refused claim', () => claims > 0);
      await there.handler.sweep();
    }
    const reported = realtime.published.length;
    await there.state('c');
    await there.fetch('/c/stream');
    await there.handler.runtime.close();
    expect(realtime.published).toHaveLength(reported);
    expect(there.finished).toEqual([]);
  });

  it('is found by sweep when nobody reads, and once', async () => {
    let offsetMs = 0;
    const shared = memoryLog({ now: () => Date.now() + offsetMs });
    const { log, die } = mortal(shared);
    const here = createWorld({ log });
    const there = createWorld({ log: shared });
    const reader = new SseReader(await here.send(send));
    (await here.model()).text('half');
    await reader.saw('half');
    die();
    offsetMs = 16_000;
    expect(await there.handler.sweep()).toBe(1);
    expect(there.finished.map(({ outcome }) => outcome)).toEqual(['lost']);
    expect(await there.handler.sweep()).toBe(0);
    offsetMs = 60_000;
    expect(await there.handler.sweep()).toBe(0);
    expect(await there.fetch('/c/stream')).toMatchObject({ status: 204 });
  });

  it('can still be cancelled from elsewhere, and is saved after its lease', async () => {
    const shared = memoryLog();
    const { log, die } = mortal(shared);
    const here = createWorld({ log, ...shortLease });
    const realtime = recordingRealtime();
    const there = createWorld({ log: shared, realtime, ...shortLease });
    const reader = new SseReader(await here.send(send));
    (await here.model()).text('half');
    await reader.saw('half');
    die();
    expect(await there.command('c', { id: 's1', runId: 'r1', type: 'cancel' })).toEqual({ outcome: 'delivered' });
    await until(
      'the published end',
      () => realtime.published.length === 1,
      () => realtime.published,
    );
    expect(realtime.published[0]?.frame).toEqual({ v: 1, run: 'r1', turn: 1, at: 3, end: { reason: 'cancel' } });
    await until(
      'the save',
      () => there.finished.length === 1,
      () => there.events,
    );
    expect(there.finished[0]?.outcome).toBe('cancel');
  });

  it('is saved late without the turns that came after it being lost', async () => {
    const shared = memoryLog();
    const { log, die } = mortal(shared);
    const here = createWorld({ log });
    const there = createWorld({ log: shared });
    const reader = new SseReader(await here.send(send));
    await here.model();
    die();
    await there.command('c', { id: 's1', runId: 'r1', type: 'cancel' });
    await reader.cancel();
    const next = new SseReader(await there.send({ id: 'c', runId: 'r2', messages: [user('m2', 'hi again')] }));
    const model = await there.model();
    model.text('hello');
    model.close();
    await next.closed;
    expect(await there.handler.sweep()).toBe(1);
    expect(there.finished.map(({ runId, outcome }) => [runId, outcome])).toEqual([
      ['r2', 'finish'],
      ['r1', 'cancel'],
    ]);
    expect(there.finished.map(({ messages }) => messages.map(textOf))).toEqual([
      ['hi again', 'hello'],
      ['hi again', 'hello'],
    ]);
  });

  it('is another thing than a model that is silent: its lease is renewed', async () => {
    const log = memoryLog();
    let renewals = 0;
    const renew: RunLog['renew'] = async (...args) => {
      renewals += 1;
      return log.renew(...args);
    };
    const world = createWorld({ log: { ...log, renew }, ...shortLease });
    const reader = new SseReader(await world.send(send));
    await until('more than a lease', () => renewals > 18);
    (await world.model()).close();
    await reader.closed;
    expect(reader.end).toBe('r1:2:finish');
  });

  it('stops a writer that was only slow: it can deliver nothing more', async () => {
    let offsetMs = 0;
    const log = memoryLog({ now: () => Date.now() + offsetMs });
    const world = createWorld({ log, renewEveryMs: 20 });
    const reader = new SseReader(await world.send(send));
    const model = await world.model();
    model.text('before');
    await reader.saw('before');
    offsetMs = 20_000;
    model.text(' after');
    await reader.closed;
    expect([reader.streamedText, reader.end]).toEqual(['before', 'r1:3:lost']);
    await until('the model to be left', () => model.left);
  });
});

/** Appends that the log takes, and whose answers are lost while `areLost`. */
function losing(log: RunLog): { readonly append: RunLog['append']; readonly answers: { areLost: boolean } } {
  const answers = { areLost: false };
  const append: RunLog['append'] = async (...args) => {
    const news = await log.append(...args);
    if (answers.areLost) throw new ChatTransportError({ code: 'provider-failed', message: 'no answer' });
    return news;
  };
  return { append, answers };
}

describe('a log that does not answer', () => {
  it('for a moment costs nothing: the same frame is appended again', async () => {
    const log = memoryLog();
    let failures = 2;
    const append: RunLog['append'] = async (...args) => {
      if (failures-- > 0) {
        // The frame is in the log, only its answer was lost.
        await log.append(...args);
        throw new ChatTransportError({ code: 'provider-failed', message: 'no answer' });
      }
      return log.append(...args);
    };
    const world = createWorld({ log: { ...log, append } });
    const reader = new SseReader(await world.send(send));
    const model = await world.model();
    model.text('all of it');
    model.close();
    await reader.closed;
    expect([reader.streamedText, reader.end]).toEqual(['all of it', 'r1:5:finish']);
    expect(world.events.filter(({ type }) => type === 'log-failed')).toHaveLength(2);
  });

  it('to an append that it took has the frame, and every server shows it in the state, that of its writer, too', async () => {
    const log = memoryLog();
    const { append, answers } = losing(log);
    const world = createWorld({ log: { ...log, append } });
    const other = createWorld({ log });
    const reader = new SseReader(await world.send(send));
    const model = await world.model();
    model.text('first');
    await reader.saw('first');
    answers.areLost = true;
    model.text(' second');
    await until('the frame', async () => textOf((await other.state('c')).messages[1]) === 'first second');
    expect(await world.state('c')).toEqual(await other.state('c'));
    answers.areLost = false;
    model.close();
    await reader.closed;
    expect(reader.streamedText).toBe('first second');
  });

  it('to its writer after it has ended the run tells the end in the state all the same', async () => {
    const log = memoryLog();
    const waitForCommand: RunLog['waitForCommand'] = () => new Promise(() => {});
    const world = createWorld({ log: { ...log, waitForCommand } });
    const other = createWorld({ log });
    const reader = new SseReader(await world.send(send));
    (await world.model()).text('half');
    await reader.saw('half');
    await other.command('c', { id: 's1', runId: 'r1', type: 'cancel' });
    for (let count = 0; count < 2; count += 1) {
      const state = await world.state('c');
      expect(state).toEqual(await other.state('c'));
      expect([state.active, state.runs[0].end.reason]).toEqual([undefined, 'cancel']);
    }
    await world.handler.runtime.close();
  });

  it('to the append of a steer, whose run ends then, has the steer in the answer: its user is told so', async () => {
    const log = memoryLog();
    const { append, answers } = losing(log);
    const waitForCommand: RunLog['waitForCommand'] = () => new Promise(() => {});
    const world = createWorld({ log: { ...log, append, waitForCommand } });
    const other = createWorld({ log });
    const reader = new SseReader(await world.send(send));
    const model = await world.model();
    model.text('half');
    await reader.saw('half');
    const parts = [{ type: 'text', text: 'shorter' }] as const;
    const steer = { id: 's1', runId: 'r1', type: 'steer', parts } as const;
    expect(await other.command('c', steer)).toMatchObject({ outcome: 'accepted' });
    answers.areLost = true;
    model.push({ type: 'steering-message', id: 's1', parts: [...parts] });
    await until('the steer', async () => JSON.stringify((await other.state('c')).messages).includes('shorter'));
    await log.command({ chatId: 'c', runId: 'r1' }, { id: 'c1', type: 'cancel' });
    for (const each of [world, other]) expect(await each.command('c', steer)).toMatchObject({ outcome: 'delivered' });
    await world.handler.runtime.close();
  });

  it('to an append at all is left after the lease: readers learn that the run is lost, and the chat is free', async () => {
    const log = memoryLog();
    let isHanging = false;
    const append: RunLog['append'] = (...args) => (isHanging ? new Promise(() => {}) : log.append(...args));
    const renew: RunLog['renew'] = (...args) => (isHanging ? new Promise(() => {}) : log.renew(...args));
    const world = createWorld({ log: { ...log, append, renew }, ...shortLease });
    const reader = new SseReader(await world.send(send));
    const model = await world.model();
    model.text('heard');
    await reader.saw('heard');
    isHanging = true;
    model.text(' unheard');
    await reader.closed;
    expect([reader.streamedText, reader.end]).toEqual(['heard', 'r1:3:lost']);
    isHanging = false;
    expect((await world.send({ ...send, runId: 'r2', messages: [user('m2', 'again')] })).status).toBe(200);
    await world.handler.runtime.close();
  });

  it('as a log must ends the run as a failure', async () => {
    const log = memoryLog();
    const append = (async () => undefined) as unknown as RunLog['append'];
    const world = createWorld({ log: { ...log, append } });
    const reader = new SseReader(await world.send(send));
    const model = await world.model();
    model.text('unheard');
    await reader.closed;
    expect(reader.end).toMatch(/:error$/);
    expect(world.events).toContainEqual(expect.objectContaining({ type: 'log-failed', operation: 'append' }));
  });
});

describe('the end of a run', () => {
  it('is a failure when the model fails, says something that is no chunk, or is no stream', async () => {
    const bad: [() => Answer, number][] = [
      [
        () => {
          throw new Error('secret');
        },
        2,
      ],
      [async () => Promise.reject(new Error('secret')), 2],
      [() => undefined, 2],
      [() => ({ text: 'no stream' }), 2],
      [
        async function* () {
          yield { type: 'text-start', id: 't' };
          yield { kind: 'nonsense' };
        },
        3,
      ],
      [
        async function* () {
          yield { type: 'data-x', data: 1n };
        },
        2,
      ],
    ];
    for (const [respond, length] of bad) {
      const world = createWorld({ respond });
      const reader = new SseReader(await world.send(send));
      await reader.closed;
      expect(reader.end).toBe(`r1:${length}:error`);
      expect(reader.chunks[0]).toMatchObject({ type: 'start', messageId: expect.any(String) });
      expect(reader.chunks.filter(({ type }) => type === 'error')).toEqual([
        { type: 'error', errorText: 'An error occurred.' },
      ]);
      expect(reader.text).not.toContain('secret');
      expect(world.events.map(({ type }) => type)).toContain('respond-failed');
      await ended(world, 'error');
      expect(world.finished.map(({ outcome }) => outcome)).toEqual(['error']);
    }
  });

  it("is the model's own word: its error chunk ends it, its abort is a cancel, its closing a finish", async () => {
    const world = createWorld();
    const cases = [
      [{ type: 'error', errorText: 'quota' }, 'error'],
      [{ type: 'abort' }, 'cancel'],
      [undefined, 'finish'],
    ] as const;
    for (const [index, [chunk, reason]] of cases.entries()) {
      const reader = new SseReader(
        await world.send({ ...send, runId: `r${index}`, messages: [user(`m${index}`, 'x')] }),
      );
      const model = await world.model(index + 1);
      model.text('part');
      if (chunk) model.push(chunk);
      if (reason !== 'error') model.close();
      await reader.closed;
      expect(reader.end).toContain(`:${reason}`);
      // What the log has is not said twice.
      expect(reader.chunks.filter(({ type }) => type === chunk?.type)).toHaveLength(chunk ? 1 : 0);
      await ended(world, reason);
    }
    expect(world.finished.map(({ outcome }) => outcome)).toEqual(['error', 'cancel', 'finish']);
  });

  it('is its deadline, with what it has', async () => {
    const deadline = heldDeadline();
    const world = createWorld(deadline.options);
    const reader = new SseReader(await world.send(send));
    const model = await world.model();
    model.text('as far as it came');
    await reader.saw('as far as it came');
    deadline.pass();
    await reader.closed;
    expect([reader.streamedText, reader.end]).toEqual(['as far as it came', 'r1:3:deadline']);
    expect(reader.chunks.at(-1)).toMatchObject({ type: 'error' });
    expect(world.finished[0]?.outcome).toBe('deadline');
    expect([model.left, model.input.signal.aborted]).toEqual([true, true]);
  });

  it('keeps a serverless function alive until it is saved', async () => {
    const kept: Promise<unknown>[] = [];
    const world = createWorld({ waitUntil: (promise) => void kept.push(promise) });
    await (await world.send(send)).body?.cancel();
    let isOver = false;
    void Promise.all(kept).then(() => {
      isOver = true;
    });
    const model = await world.model();
    model.text('after the tab closed');
    await until('the frame', () => world.models.length === 1);
    expect(isOver).toBe(false);
    model.close();
    await until('the function to end', () => isOver);
    expect(textOf(world.finished[0]?.messages[1])).toBe('after the tab closed');
  });

  it('comes though onFinish fails, which sweep tries again', async () => {
    const calls: FinishInput[] = [];
    let offsetMs = 0;
    const world = createWorld({
      log: memoryLog({ now: () => Date.now() + offsetMs }),
      onFinish: (input) => {
        calls.push(input);
        if (calls.length === 1) throw new Error('the database is away');
      },
    });
    const reader = new SseReader(await world.send(send));
    (await world.model()).close();
    await reader.closed;
    expect(reader.end).toBe('r1:2:finish');
    expect(world.events.map(({ type }) => type)).toContain('finish-failed');
    offsetMs = 31_000;
    expect(await world.handler.sweep()).toBe(1);
    expect(calls.map(({ outcome }) => outcome)).toEqual(['finish', 'finish']);
    expect(await world.handler.sweep()).toBe(0);
  });
});

describe('a save that is tried again', () => {
  it('does not bring back an answer that was replaced meanwhile', async () => {
    let offsetMs = 0;
    let isAway = true;
    const saves: FinishInput[] = [];
    const world = createWorld({
      log: memoryLog({ now: () => Date.now() + offsetMs }),
      onFinish: (input) => {
        if (isAway) throw new Error('the database is away');
        saves.push(input);
      },
    });
    const answer = async (count: number, body: object, text: string): Promise<void> => {
      const reader = new SseReader(await world.send(body));
      const model = await world.model(count);
      model.text(text);
      model.close();
      await reader.closed;
    };
    await answer(1, send, 'bad');
    // Before the end is in the log, and behind it.
    const failures = () => world.events.filter(({ type }) => type === 'finish-failed');
    await until('both saves to fail', () => failures().length === 2, failures);
    isAway = false;
    await answer(2, { ...send, runId: 'r2', trigger: 'regenerate-message' }, 'good');
    offsetMs = 31_000;
    await world.handler.sweep();
    expect(saves.map(({ runId }) => runId)).toEqual(['r2', 'r1']);
    expect(saves.map(({ messages }) => messages.map(textOf))).toEqual([
      ['hi', 'good'],
      ['hi', 'good'],
    ]);
  });
});

describe('a runtime without HTTP', () => {
  it('starts, steers and ends runs, and tells its state', async () => {
    const runtime = createChatRuntime({
      log: memoryLog(),
      async *respond({ messages }) {
        yield { type: 'text-start', id: 't' };
        yield { type: 'text-delta', id: 't', delta: `re: ${textOf(messages.at(-1))}` };
        yield { type: 'text-end', id: 't' };
      },
    });
    const { run, begun, done } = await runtime.start({ chatId: 'c', message: user('m1', 'a report') });
    expect([begun, run.turn]).toEqual(['started', 1]);
    expect((await done).end).toEqual({ reason: 'finish' });
    const state = await runtime.state('c');
    expect(state.messages?.map(textOf)).toEqual(['a report', 're: a report']);
    const again = await runtime.start({ chatId: 'c', runId: run.runId, message: user('m1', 'a report') });
    expect([again.begun, (await again.done).end]).toEqual(['exists', { reason: 'finish' }]);
    await expect(runtime.start({ chatId: 'c', runId: run.runId, message: user('m1', 'other') })).rejects.toMatchObject({
      code: 'run-conflict',
    });
    await expect(runtime.start({ chatId: '../c', message: user('m1', 'x') })).rejects.toMatchObject({
      code: 'invalid-id',
    });
    await runtime.close();
  });

  it('closes while a run begins: the run is ended too', async () => {
    const log = memoryLog();
    let letBegin = (): void => {};
    const mayBegin = new Promise<void>((resolve) => {
      letBegin = resolve;
    });
    let isBeginning = false;
    const begin: RunLog['begin'] = async (init) => {
      isBeginning = true;
      await mayBegin;
      return log.begin(init);
    };
    const world = createWorld({ log: { ...log, begin } });
    const sending = world.send(send);
    await until('the run to begin', () => isBeginning);
    const closing = world.handler.runtime.close();
    letBegin();
    await closing;
    await (await sending).body?.cancel();
    expect((await log.state('c')).runs[0]?.end).toEqual({ reason: 'deadline' });
    expect(world.finished.map(({ outcome }) => outcome)).toEqual(['deadline']);
  });

  it('closes: runs are saved as far as they came, readers leave, nothing starts', async () => {
    const world = createWorld();
    const reader = new SseReader(await world.send(send));
    (await world.model()).text('part');
    await reader.saw('part');
    const idle = new SseReader(await world.fetch('/d/stream?follow=0'));
    await world.handler.runtime.close();
    await Promise.all([reader.closed, idle.closed]);
    expect(reader.end).toBe('r1:3:deadline');
    expect(world.finished[0]?.outcome).toBe('deadline');
    expect((await world.send({ ...send, runId: 'r2' })).status).toBe(503);
    await world.handler.runtime.close();
  });
});
