import { memoryLog } from '@chat-transport/core/memory';
import type { UIMessage } from 'ai';
import { describe, expect, it } from 'vitest';
import { type Answer, createWorld, ended, SseReader, textOf, until, user, type World } from './support.ts';

const asJson = { headers: { accept: 'application/json' } };

function send(world: World, runId: string, messages: UIMessage[], extra: object = {}): Promise<Response> {
  return world.send({ id: 'c', runId, messages, ...extra }, asJson);
}

async function answer(world: World, count: number, text: string): Promise<UIMessage[]> {
  const model = await world.model(count);
  model.text(text);
  model.close();
  await ended(world, 'finish', model.input.runId);
  return (await world.state('c')).messages;
}

describe('a send while a run is active', () => {
  it('is refused with the run that is active', async () => {
    const world = createWorld();
    await send(world, 'r1', [user('m1', 'hi')]);
    const response = await send(world, 'r2', [user('m1', 'hi'), user('m2', 'more')]);
    expect([response.status, await response.json()]).toEqual([
      409,
      { error: { code: 'busy', message: expect.stringContaining('Another answer') }, active: { runId: 'r1', turn: 1 } },
    ]);
  });

  it('takes its place with interrupt, and has all of the partial answer', async () => {
    const world = createWorld({ onBusy: 'interrupt' });
    const reader = new SseReader(await world.send({ id: 'c', runId: 'r1', messages: [user('m1', 'hi')] }));
    const first = await world.model();
    first.text('one ');
    await reader.saw('one ');
    const answered = (await world.state('c')).messages as UIMessage[];
    first.text('two');
    await reader.saw('two');
    expect((await send(world, 'r2', [...answered, user('m2', 'stop')])).status).toBe(202);
    await reader.closed;
    expect(reader.end).toMatch(/:cancel$/);
    const second = await world.model(2);
    expect(second.input.messages.map(textOf)).toEqual(['hi', 'one two', 'stop']);
    expect(first.left).toBe(true);
  });

  it('does not interrupt what its sender has not seen', async () => {
    const world = createWorld({ onBusy: 'interrupt' });
    await send(world, 'r1', [user('m1', 'hi')], { baseTurn: 0 });
    const response = await send(world, 'r2', [user('m2', 'other')], { baseTurn: 0 });
    expect([response.status, ((await response.json()) as Answer).error.code]).toEqual([409, 'stale']);
    expect((await world.state('c')).active.runId).toBe('r1');
  });

  it('answers all of the run in front of it, also when that ends while the send is put together', async () => {
    const log = memoryLog();
    const world = createWorld({ log });
    await send(world, 'r1', [user('m1', 'hi')]);
    const first = await world.model();
    first.text('one ');
    while ((await world.state('c')).messages.length < 2) await new Promise((resolve) => setTimeout(resolve, 1));
    const { begin } = log;
    log.begin = async (init) => {
      log.begin = begin;
      first.text('two');
      first.close();
      await ended(world, 'finish', 'r1');
      return log.begin(init);
    };
    expect((await send(world, 'r2', [user('m2', 'more')], { baseTurn: 1 })).status).toBe(202);
    const second = await world.model(2);
    expect(second.input.messages.map(textOf)).toEqual(['hi', 'one two', 'more']);
  });

  it('waits its turn with queue, in order, and knows the answers in front of it', async () => {
    const world = createWorld({ onBusy: 'queue' });
    const waits = (runId: string) =>
      until(
        `${runId} to wait`,
        () => world.events.some((event) => event.type === 'send-queued' && event.runId === runId),
        () => world.events,
      );
    await send(world, 'r1', [user('m1', 'q1')]);
    const second = send(world, 'r2', [user('m1', 'q1'), user('m2', 'q2')]);
    await waits('r2');
    const third = send(world, 'r3', [user('m1', 'q1'), user('m3', 'q3')]);
    await waits('r3');
    await answer(world, 1, 'a1');
    expect(await (await second).json()).toEqual({ runId: 'r2', turn: 2 });
    await answer(world, 2, 'a2');
    expect(await (await third).json()).toEqual({ runId: 'r3', turn: 3 });
    const messages = await answer(world, 3, 'a3');
    expect(messages.map(textOf)).toEqual(['q1', 'a1', 'q2', 'a2', 'q3', 'a3']);
  });

  it('is refused where its user has as many requests open as a user may have', async () => {
    const world = createWorld({ onBusy: 'queue', maxStreamsPerUser: 2, authorize: () => ({ userId: 'u' }) });
    await send(world, 'r0', [user('m0', 'q')]);
    const waiting = ['r1', 'r2'].map((runId) => send(world, runId, [user(`m-${runId}`, 'q')]));
    await until('two to wait', () => world.events.filter(({ type }) => type === 'send-queued').length === 2);
    const refused = await send(world, 'r1', [user('m-r1', 'q')]);
    expect([refused.status, ((await refused.json()) as Answer).error.code]).toEqual([429, 'rate-limited']);
    await world.handler.runtime.close();
    expect((await Promise.all(waiting)).map(({ status }) => status)).toEqual([503, 503]);
  });

  it('waits for nobody when it is repeated after its run has begun', async () => {
    const world = createWorld({ onBusy: 'queue' });
    await send(world, 'r1', [user('m1', 'q')]);
    const waiting = send(world, 'r2', [user('m2', 'q')]);
    await until('it to wait', () => world.events.some(({ type }) => type === 'send-queued'));
    expect(await (await send(world, 'r1', [user('m1', 'q')])).json()).toEqual({ runId: 'r1', turn: 1 });
    await answer(world, 1, 'a');
    expect((await waiting).status).toBe(202);
  });

  it('is refused when sixteen wait already', async () => {
    const world = createWorld({ onBusy: 'queue' });
    await send(world, 'r0', [user('m0', 'q')]);
    const sends = Array.from({ length: 17 }, (_, index) => send(world, `r${index + 1}`, [user(`m${index + 1}`, 'q')]));
    const refused = await Promise.race(sends);
    expect([refused.status, ((await refused.json()) as Answer).error.code]).toEqual([409, 'busy']);
    await world.handler.runtime.close();
    const statuses = (await Promise.all(sends)).map(({ status }) => status);
    expect(statuses.filter((status) => status === 503)).toHaveLength(16);
  });
});

describe('a device that is behind', () => {
  it('can neither cut nor overwrite: it gets the state, and sends again', async () => {
    const world = createWorld();
    await send(world, 'r1', [user('m1', 'q1')], { baseTurn: 0 });
    const messages = await answer(world, 1, 'a1');
    const stale = await send(world, 'r2', [user('m9', 'from my phone')], { baseTurn: 0 });
    const { error, state } = (await stale.json()) as Answer;
    expect([stale.status, error.code, state.turn, state.messages]).toEqual([409, 'stale', 1, messages]);
    const again = await send(world, 'r3', [...state.messages, user('m9', 'from my phone')], { baseTurn: state.turn });
    expect(again.status).toBe(202);
  });

  it('cannot continue an answer that others have gone on from', async () => {
    const world = createWorld();
    await send(world, 'r1', [user('m1', 'q1')], { baseTurn: 0 });
    const old = await answer(world, 1, 'a1');
    await send(world, 'r2', [...old, user('m2', 'q2')], { baseTurn: 1 });
    await answer(world, 2, 'a2');
    const response = await send(world, 'r3', old, { baseTurn: 1, messageId: old[1]?.id });
    expect([response.status, ((await response.json()) as Answer).error.code]).toEqual([409, 'stale']);
  });

  it('does not go on with the answer that came while its send waited', async () => {
    const world = createWorld({ onBusy: 'queue' });
    await send(world, 'r1', [user('m1', 'q1')], { baseTurn: 0 });
    const old = await answer(world, 1, 'a1');
    await send(world, 'r2', [...old, user('m2', 'q2')], { baseTurn: 1 });
    const waiting = send(world, 'r3', old, { baseTurn: 1, messageId: 'one-that-was-deleted' });
    await until('it to wait', () => world.events.some(({ type }) => type === 'send-queued'));
    const messages = await answer(world, 2, 'a2');
    const response = await waiting;
    const { error, state } = (await response.json()) as Answer;
    expect([response.status, error.code, state.messages]).toEqual([409, 'stale', messages]);
  });

  it('cannot cut what others wrote; one that is not behind may regenerate and edit', async () => {
    const world = createWorld();
    await send(world, 'r1', [user('m1', 'q1')]);
    await answer(world, 1, 'a1');
    const regenerate = { trigger: 'regenerate-message' };
    expect((await send(world, 'r2', [user('m1', 'q1')], { ...regenerate, baseTurn: 0 })).status).toBe(409);
    expect((await send(world, 'r2', [user('m1', 'q1')], { ...regenerate, baseTurn: 1 })).status).toBe(202);
    await answer(world, 2, 'a1 again');
    expect((await send(world, 'r3', [user('m1', 'q1!')], { baseTurn: 1, messageId: 'm1' })).status).toBe(409);
    expect((await send(world, 'r3', [user('m1', 'q1!')], { baseTurn: 2, messageId: 'm1' })).status).toBe(202);
  });
});

describe('two devices', () => {
  /** A chat whose answer has called a client tool: the conversation with the output, and the id of the answer. */
  async function called(world: ReturnType<typeof createWorld>) {
    await send(world, 'r1', [user('m1', 'weather?')]);
    const model = await world.model();
    model.push({ type: 'tool-input-available', toolCallId: 'call-1', toolName: 'weather', input: {} });
    const [question, call] = (await answer(world, 1, '')) as [UIMessage, UIMessage];
    const answered = {
      ...call,
      parts: call.parts.map((part) =>
        part.type === 'tool-weather' ? { ...part, state: 'output-available', output: 'sunny' } : part,
      ),
    } as UIMessage;
    return { messages: [question, answered], messageId: call.id };
  }

  it('that continue the same message from the same state get one run', async () => {
    const world = createWorld();
    const { messages, messageId } = await called(world);
    const first = await send(world, 'r2', messages, { messageId, clientId: 'a', baseTurn: 1 });
    const second = await send(world, 'r3', messages, { messageId, clientId: 'b', baseTurn: 1 });
    expect([await first.json(), await second.json()]).toEqual([
      { runId: 'r2', turn: 2 },
      { runId: 'r2', turn: 2 },
    ]);
    expect(world.models).toHaveLength(2);
  });

  it('of which one means a message that was deleted do not get one run', async () => {
    const world = createWorld();
    const { messages, messageId } = await called(world);
    expect((await send(world, 'r2', messages, { messageId, baseTurn: 1 })).status).toBe(202);
    const other = await send(world, 'r3', messages, { messageId: 'one-that-was-deleted', baseTurn: 1 });
    expect([other.status, ((await other.json()) as Answer).error.code]).toEqual([409, 'busy']);
  });

  it('that send at the same moment get one run each way', async () => {
    const world = createWorld();
    const responses = await Promise.all([send(world, 'r1', [user('m1', 'a')]), send(world, 'r2', [user('m2', 'b')])]);
    expect(responses.map(({ status }) => status).sort()).toEqual([202, 409]);
  });

  it('to forty new chats at once begin in many turns of the event loop', async () => {
    const world = createWorld();
    const begun = [0];
    let isOver = false;
    const look = () => {
      begun.push(world.models.length);
      if (!isOver) setImmediate(look);
    };
    setImmediate(look);
    const chats = Array.from({ length: 40 }, (_, index) => `c${index}`);
    await Promise.all(chats.map((id) => world.send({ id, messages: [user('m', 'hi')] }, asJson)));
    isOver = true;
    begun.push(world.models.length);
    const most = Math.max(...begun.map((count, index) => count - (begun[index - 1] ?? 0)));
    expect([world.models.length, most <= 4]).toEqual([40, true]);
  });
});
