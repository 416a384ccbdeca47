import type { UIMessage } from 'ai';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { knownDigest } from '../../src/server/conversation/known-digest.ts';
import { conversationDigest } from '../../src/wire/conversation-digest.ts';
import { type Answer, createWorld, ended, textOf, until, user, type World } from './support.ts';

const u1 = user('u1', 'q1');
const asJson = { headers: { accept: 'application/json' } };
const on = (messages: readonly UIMessage[]) => ({
  before: messages.at(-1)?.id ?? null,
  digest: conversationDigest(messages),
});

/** A chat with one question and its answer, sent in short form. */
async function answered(
  options: Parameters<typeof createWorld>[0] = {},
): Promise<{ world: World; shown: UIMessage[] }> {
  const world = createWorld(options);
  expect((await world.send({ id: 'c', message: u1, baseTurn: 0, ...on([]) }, asJson)).status).toBe(202);
  const model = await world.model();
  expect(model.input.messages).toEqual([u1]);
  model.text('r1');
  model.close();
  await ended(world, 'finish');
  return { world, shown: (await world.state('c')).messages };
}

async function refusal(response: Response): Promise<[number, string]> {
  return [response.status, ((await response.json()) as Answer).error.code];
}
const needed = [409, 'history-needed'];

describe('a send of only what is new', () => {
  it('is answered on the conversation that the server has', async () => {
    const { world, shown } = await answered();
    await world.send({ id: 'c', message: user('u2', 'q2'), baseTurn: 1, ...on(shown) }, asJson);
    expect((await world.model(2)).input.messages.map(textOf)).toEqual(['q1', 'r1', 'q2']);
  });

  it('edits, regenerates and answers a tool', async () => {
    const { world, shown } = await answered();
    const a1 = shown[1]?.id;
    await world.send({ id: 'c', trigger: 'regenerate-message', messageId: a1, baseTurn: 1, ...on([u1]) }, asJson);
    const second = await world.model(2);
    expect(second.input.messages).toEqual([u1]);
    second.push({ type: 'tool-input-available', toolCallId: 't', toolName: 'where', input: {} });
    second.close();
    await ended(world, 'finish', second.input.runId);
    const [, open] = (await world.state('c')).messages as UIMessage[];
    const parts = open?.parts.map((part) =>
      part.type === 'tool-where' ? { ...part, state: 'output-available', output: 'here' } : part,
    );
    await world.send({ id: 'c', message: { ...open, parts }, messageId: open?.id, baseTurn: 2, ...on([u1]) }, asJson);
    const third = await world.model(3);
    expect(third.input.messages[1]?.parts).toEqual(parts);
    third.close();
    await ended(world, 'finish', third.input.runId);
    const edit = user('u1', 'better');
    await world.send({ id: 'c', message: edit, messageId: 'u1', baseTurn: 3, ...on([]) }, asJson);
    expect((await world.model(4)).input.messages).toEqual([edit]);
  });

  it('costs what is new: a long message further up is not digested again', async () => {
    const { world, shown } = await answered();
    const long = 'x'.repeat(100_000);
    let messages: UIMessage[] = [...shown];
    const ask = async (turn: number, text: string): Promise<void> => {
      const message = user(`u${turn}`, text);
      await world.send({ id: 'c', message, baseTurn: turn - 1, ...on(messages) }, asJson);
      const model = await world.model(turn);
      model.close();
      await ended(world, 'finish', model.input.runId);
      messages = (await world.state('c')).messages;
    };
    await ask(2, long);
    await ask(3, 'short');
    // The newest run's messages are in the log twice: with the run, and in the conversation.
    await ask(4, 'short');
    const base = { baseTurn: 4, ...on(messages) };
    const encode = vi.spyOn(TextEncoder.prototype, 'encode');
    onTestFinished(() => encode.mockRestore());
    const sent = await world.send({ id: 'c', message: user('u5', 'short'), ...base }, asJson);
    expect(sent.status).toBe(202);
    expect(encode.mock.calls.filter(([text = '']) => text.includes(long))).toEqual([]);
  });

  it('is checked in several turns of the event loop where this process has not seen the conversation', async () => {
    const messages = Array.from({ length: 20 }, (_, index) => user(`u${index}`, 'x'));
    let now = 0;
    const clock = { ...systemClock, now: () => ++now * 4 };
    const nextTurn = vi.fn(async () => {});
    expect(await knownDigest(messages, clock, nextTurn)).toBe(conversationDigest(messages));
    expect(nextTurn.mock.calls.length).toBeGreaterThan(4);
  });

  it('asks for the history where the sender holds another one', async () => {
    const { world, shown } = await answered();
    const message = user('u2', 'q2');
    const send = async (body: object) => refusal(await world.send({ id: 'c', baseTurn: 1, ...body }));
    expect(await send({ message, ...on([user('u1', 'changed'), ...shown.slice(1)]) })).toEqual(needed);
    expect(await send({ message, ...on([...shown, user('zz', 'unknown')]) })).toEqual(needed);
    // The sender has cut the conversation itself.
    expect(await send({ message, ...on([u1]) })).toEqual(needed);
    expect(await send({ message, ...on([]) })).toEqual(needed);
    expect(await send({ message: user('u1', 'x'), messageId: 'u1', ...on([u1]) })).toEqual(needed);
    expect(await send({ trigger: 'regenerate-message', ...on([user('u1', 'changed')]) })).toEqual(needed);
    expect(world.models).toHaveLength(1);
    // And all of it is then accepted, under the same run.
    expect((await world.send({ id: 'c', messages: [...shown, message], baseTurn: 1 }, asJson)).status).toBe(202);
  });

  it('asks for the history where the server has none', async () => {
    const world = createWorld();
    const body = { id: 'c', message: user('u2', 'q2'), baseTurn: 3, ...on([u1]) };
    expect(await refusal(await world.send(body))).toEqual(needed);
  });

  it('is stale where the sender was behind, as a send of all messages is', async () => {
    const { world, shown } = await answered();
    await world.send({ id: 'c', message: user('u2', 'q2'), baseTurn: 1, ...on(shown) }, asJson);
    const model = await world.model(2);
    model.close();
    await ended(world, 'finish', model.input.runId);
    const stale = async (body: object) => refusal(await world.send({ id: 'c', baseTurn: 1, ...body }));
    expect(await stale({ message: user('u3', 'q3'), ...on(shown) })).toEqual([409, 'stale']);
    expect(await stale({ trigger: 'regenerate-message', ...on([u1]) })).toEqual([409, 'stale']);
    expect(await stale({ message: user('u1', 'x'), messageId: 'u1', ...on([]) })).toEqual([409, 'stale']);
  });

  it('that has waited in the queue goes behind what was answered meanwhile', async () => {
    const { world, shown } = await answered({ onBusy: 'queue' });
    void world.send({ id: 'c', message: user('u2', 'q2'), baseTurn: 1, ...on(shown) }, asJson);
    const model = await world.model(2);
    void world.send({ id: 'c', message: user('u3', 'q3'), baseTurn: 1, ...on(shown) }, asJson);
    await until('the queue', () => world.events.some(({ type }) => type === 'send-queued'));
    model.text('r2');
    model.close();
    expect((await world.model(3)).input.messages.map(textOf)).toEqual(['q1', 'r1', 'q2', 'r2', 'q3']);
  });

  it('is joined when it is sent again, although the conversation has moved on since', async () => {
    const { world, shown } = await answered();
    const body = { id: 'c', runId: 'again', message: user('u2', 'q2'), baseTurn: 1, ...on(shown) };
    await world.send(body, asJson);
    (await world.model(2)).close();
    await ended(world, 'finish', 'again');
    const response = await world.send(body, asJson);
    expect([response.status, (await response.json()) as Answer]).toEqual([202, { runId: 'again', turn: 2 }]);
    expect(world.models).toHaveLength(2);
  });

  it('stands on the history of the app, where the app keeps one, whatever the sender holds', async () => {
    const stored = [user('u1', 'as the app has it'), { ...user('a1', 'r1'), role: 'assistant' as const }];
    const world = createWorld({ loadMessages: () => [...stored] });
    const shown = [u1, { ...user('a1', 'r1'), role: 'assistant' as const }];
    await world.send({ id: 'c', message: user('u2', 'q2'), baseTurn: 0, ...on(shown) }, asJson);
    expect((await world.model()).input.messages.map(textOf)).toEqual(['as the app has it', 'r1', 'q2']);
  });

  it.each<[string, object]>([
    ['a digest of another form', { message: u1, before: null, digest: 'x' }],
    ['a base without a digest', { message: u1, before: 'x' }],
    ['a base that is no id', { message: u1, before: 7, digest: conversationDigest([]) }],
    ['the history as well', { messages: [u1], before: null, digest: conversationDigest([]) }],
  ])('is refused with %s', async (_title, body) => {
    const world = createWorld();
    expect(await refusal(await world.send({ id: 'c', ...body }))).toEqual([400, 'invalid-body']);
  });
});

describe('the state of a chat', () => {
  it('says of each run which message it wrote, how it ended and where', async () => {
    const { world, shown } = await answered();
    const messageId = shown[1]?.id as string;
    const state = await world.state('c');
    expect(state.runs).toEqual([
      { runId: expect.any(String), turn: 1, from: '', messageId, attempt: 1, end: { reason: 'finish', at: 5 } },
    ]);
    expect(state.outcomes).toEqual({ [messageId]: 'finish' });
    await world.send({ id: 'c', trigger: 'regenerate-message', messageId, baseTurn: 1, ...on([u1]) }, asJson);
    await world.model(2);
    const active = await world.state('c');
    expect(active.runs[1]).not.toHaveProperty('end');
    expect(active.outcomes).toEqual({ [messageId]: 'finish' });
  });
});
