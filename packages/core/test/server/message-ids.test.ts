import type { UIMessage } from 'ai';
import { describe, expect, it } from 'vitest';
import { type Answer, createWorld, ended, textOf, until, user, type World } from './support.ts';

const asJson = { headers: { accept: 'application/json' } };
const u1 = user('u1', 'q1');

async function answer(world: World, count: number, text: string): Promise<string> {
  const model = await world.model(count);
  model.text(text);
  model.close();
  await ended(world, 'finish', model.input.runId);
  return model.input.runId;
}

async function errorOf(response: Response): Promise<[number, string]> {
  return [response.status, ((await response.json()) as Answer).error?.code];
}

describe('a message whose id another one has', () => {
  it.each([
    ['a device that names its turn', { baseTurn: 1 }],
    ['a stock client', {}],
  ])('is refused from %s, before anything begins', async (_who, more) => {
    const world = createWorld();
    await world.send({ id: 'c', messages: [u1] }, asJson);
    await answer(world, 1, 'r1');
    const { messages } = await world.state('c');
    const sent = { id: 'c', messages: [...messages.slice(0, 0), user('u1', 'another question')], ...more };
    const response = await world.send(sent);
    expect(await errorOf(response)).toEqual([400, 'invalid-message']);
    expect((await world.state('c')).turn).toBe(1);
  });

  it('is an edit where the send says so', async () => {
    const world = createWorld();
    await world.send({ id: 'c', messages: [u1] }, asJson);
    await answer(world, 1, 'r1');
    const edited = user('u1', 'better');
    expect((await world.send({ id: 'c', messages: [edited], messageId: 'u1', baseTurn: 1 }, asJson)).status).toBe(202);
    expect((await world.model(2)).input.messages).toEqual([edited]);
  });

  it('may differ from what the app has made of it, but for its text', async () => {
    const file = { type: 'file' as const, mediaType: 'image/png', url: 'data:image/png;base64,AA==' };
    const sent: UIMessage = { ...u1, parts: [...u1.parts, file] };
    const stored: UIMessage = { ...u1, parts: [...u1.parts, { ...file, url: 'https://files.example/1' }] };
    const world = createWorld({ loadMessages: () => [stored] });
    expect((await world.send({ id: 'c', messages: [sent] }, asJson)).status).toBe(202);
    expect(await errorOf(await world.send({ id: 'c', messages: [user('u1', 'other')] }))).toEqual([
      400,
      'invalid-message',
    ]);
  });
});

describe('a message that the log already has', () => {
  it('is not answered again: the send joins the run that answered it', async () => {
    const world = createWorld();
    await world.send({ id: 'c', messages: [u1] }, asJson);
    const runId = await answer(world, 1, 'r1');
    const again = await world.send({ id: 'c', runId: 'another', messages: [u1], baseTurn: 1 }, asJson);
    expect([again.status, await again.json()]).toEqual([202, { runId, turn: 1 }]);
    expect(world.models).toHaveLength(1);
  });

  it('is not answered again where the second of two queued sends arrives first and brings it', async () => {
    const world = createWorld({ onBusy: 'queue' });
    const first = user('u2', 'q2');
    const second = user('u3', 'q3');
    await world.send({ id: 'c', messages: [u1] }, asJson);
    const model = await world.model();
    const queued = (count: number) =>
      until(`${count} queued`, () => world.events.filter(({ type }) => type === 'send-queued').length === count);
    const later = world.send({ id: 'c', runId: 'later', messages: [u1, first, second] }, asJson);
    await queued(1);
    const earlier = world.send({ id: 'c', runId: 'earlier', messages: [u1, first] }, asJson);
    await queued(2);
    model.text('r1');
    model.close();
    await answer(world, 2, 'r2 and r3');
    expect(await (await later).json()).toMatchObject({ runId: 'later' });
    expect(await (await earlier).json()).toMatchObject({ runId: 'later' });
    const state = await world.state('c');
    expect(state.messages.map(textOf)).toEqual(['q1', 'r1', 'q2', 'q3', 'r2 and r3']);
    expect(world.models).toHaveLength(2);
  });

  it('is answered where nothing of an answer has come', async () => {
    const world = createWorld();
    await world.send({ id: 'c', runId: 'first', messages: [u1] }, asJson);
    await world.model();
    await world.command('c', { id: 'x', runId: 'first', type: 'cancel' });
    await ended(world, 'cancel');
    expect((await world.send({ id: 'c', messages: [u1], baseTurn: 1 }, asJson)).status).toBe(202);
    expect((await world.model(2)).input.messages).toEqual([u1]);
  });
});

describe('an approval of a tool call in an earlier message', () => {
  it.each([true, false])('reaches the model (the app keeps the history: %s)', async (isAppHistory) => {
    const call = (part: object): UIMessage =>
      ({
        id: 'a1',
        role: 'assistant',
        parts: [{ type: 'tool-pay', toolCallId: 't', input: {}, ...part }],
      }) as unknown as UIMessage;
    const open = call({ state: 'approval-requested', approval: { id: 'ap' } });
    const approved = call({ state: 'approval-responded', approval: { id: 'ap', approved: true } });
    const u2 = user('u2', 'and?');
    const stored = [u1, open];
    const world = createWorld(isAppHistory ? { loadMessages: () => [...stored] } : {});
    await world.send({ id: 'c', messages: [u1, open, u2], ...(isAppHistory && { baseTurn: 0 }) }, asJson);
    await answer(world, 1, 'wait');
    const { messages } = await world.state('c');
    if (isAppHistory) stored.splice(0, 2, ...messages);
    const sent = messages.map((message: UIMessage) => (message.id === 'a1' ? approved : message));
    await world.send({ id: 'c', messages: [...sent, user('u3', 'go on')], baseTurn: 1 }, asJson);
    const { input } = await world.model(2);
    expect(input.messages[1]).toEqual(approved);
    // Other devices get it with the run's start.
    const runs = await world.log.state('c');
    expect(runs.runs.at(-1)?.start.tail.map(({ id }) => id)).toContain('a1');
  });
});

describe('an answer to a call of an earlier message', () => {
  it('is all that its run goes on with: the calls of later messages wait for theirs', async () => {
    const asking = (id: string, ...parts: object[]): UIMessage =>
      ({ id, role: 'assistant', parts }) as unknown as UIMessage;
    const open = (name: string) => ({
      type: 'tool-pay',
      toolCallId: name,
      input: {},
      state: 'approval-requested',
      approval: { id: `${name}-id` },
    });
    const approved = (name: string) => ({
      ...open(name),
      state: 'approval-responded',
      approval: { id: `${name}-id`, approved: true },
    });
    const u2 = user('u2', 'and?');
    const world = createWorld();
    const first = asking('a1', approved('t1'));
    const later = asking('a2', approved('t2'), open('t3'));
    const history = [u1, asking('a1', open('t1')), u2, asking('a2', open('t2'), open('t3'))];
    await world.send({ id: 'c', messages: [...history, user('u3', 'go on')] }, asJson);
    await answer(world, 1, 'wait');
    const { messages } = await world.state('c');
    const sent = messages.map((message: UIMessage) => ({ a1: first, a2: later })[message.id] ?? message);
    await world.send({ id: 'c', messages: sent, trigger: 'submit-message', messageId: 'a1', baseTurn: 1 }, asJson);
    const { input } = await world.model(2);
    expect(input.messages).toEqual([u1, first]);
    await answer(world, 2, 'done');
    await until('the end', () => world.finished.length === 2);
    expect(world.finished[1]?.messages.map(({ id }) => id)).toEqual(messages.map(({ id }: UIMessage) => id));
  });
});

describe('a queue that is full', () => {
  it('refuses what comes, also when its head is just going: nobody overtakes those who wait', async () => {
    const world = createWorld({ onBusy: 'queue' });
    await world.send({ id: 'c', messages: [u1] }, asJson);
    const model = await world.model();
    const waiting = Array.from({ length: 16 }, (_, index) =>
      world.send({ id: 'c', runId: `w${index}`, message: user(`w${index}`, `${index}`) }, asJson),
    );
    await until('16 queued', () => world.events.filter(({ type }) => type === 'send-queued').length === 16);
    const [overtaking] = await Promise.all([
      world.send({ id: 'c', runId: 'late', message: user('late', 'late') }, asJson),
      model.close(),
    ]);
    expect(await errorOf(overtaking)).toEqual([409, 'busy']);
    for (let count = 2; count <= 17; count += 1) {
      expect((await world.model(count)).input.runId).toBe(`w${count - 2}`);
      await answer(world, count, 'ok');
    }
    await Promise.all(waiting);
  });
});

describe('a server that shuts down', () => {
  it('sends new work elsewhere, with a code of its own', async () => {
    const world = createWorld();
    await world.handler.runtime.close();
    const response = await world.send({ id: 'c', messages: [u1] });
    expect(response.headers.get('retry-after')).toBe('1');
    expect(await errorOf(response)).toEqual([503, 'shutting-down']);
    expect(world.events).toEqual([]);
  });
});

describe('a waiting command', () => {
  it.each(['-1', 'x', '1.5', '1e3', ''])('is refused with ?wait=%s, and the run gets no command', async (wait) => {
    const world = createWorld();
    await world.send({ id: 'c', runId: 'r', messages: [u1] }, asJson);
    await world.model();
    const response = await world.post(`/c/command?wait=${wait}`, { id: 'x', runId: 'r', type: 'cancel' });
    expect(await errorOf(response)).toEqual([400, 'invalid-offset']);
    expect((await world.state('c')).active).toBeDefined();
  });
});
