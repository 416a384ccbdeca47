import { lastAssistantMessageIsCompleteWithApprovalResponses, lastAssistantMessageIsCompleteWithToolCalls } from 'ai';
import { describe, expect, it, onTestFinished } from 'vitest';
import { syncChat } from '../../src/index.ts';
import { type Device, never, texts, until, World } from '../support/world.ts';

type SyncedChat = ReturnType<Device['synced']>;

const withTools = { sendAutomaticallyWhen: lastAssistantMessageIsCompleteWithToolCalls };
const withApprovals = { sendAutomaticallyWhen: lastAssistantMessageIsCompleteWithApprovalResponses };

const answer = (chat: SyncedChat, toolCallId: string) =>
  chat.addToolOutput({ tool: 'ask', toolCallId, output: `output of ${toolCallId}` });

/** The state of each tool call of the last answer that a chat shows. */
const states = ({ messages }: SyncedChat): unknown[] =>
  messages
    .findLast(({ role }) => role === 'assistant')
    ?.parts.flatMap((part) => ('toolCallId' in part ? part.state : [])) ?? [];

/** What a chat shows; a replay of an approval leaves `rawInput`, which no chunk can take away. */
const content = ({ messages }: SyncedChat): string =>
  JSON.stringify(messages, (key, value) => (key === 'rawInput' ? undefined : value));

/** Two devices that show an answer with calls of client tools, which wait for answers. */
async function twoDevices(world: World, calls: readonly string[], init: object, approvals = false) {
  const [a, b] = [world.device().synced('c', init), world.device().synced('c', init)];
  void a.sendMessage({ text: 'hi' });
  const call = await world.model.call();
  for (const toolCallId of calls) {
    call.push({ type: 'tool-input-available', toolCallId, toolName: 'ask', input: {} });
    if (approvals) call.push({ type: 'tool-approval-request', toolCallId, approvalId: `approval of ${toolCallId}` });
  }
  call.finish();
  await shows([a, b], (chat) => chat.status === 'ready' && chat.messages.length === 2);
  return [a, b] as const;
}

const shows = (chats: readonly SyncedChat[], condition: (chat: SyncedChat) => boolean) =>
  until(
    () => chats.every(condition),
    () => chats.map((chat) => [chat.status, chat.error?.message, texts(chat), states(chat)]),
  );

/** The model goes on once, with all outputs, and every device shows the same. */
async function goesOn(world: World, chats: readonly SyncedChat[]): Promise<string> {
  const next = await world.model.call(1);
  next.say('all there');
  next.finish();
  await shows(chats, (chat) => chat.status === 'ready' && texts(chat).at(-1)?.includes('all there') === true);
  await until(
    () => new Set(chats.map(content)).size === 1,
    () => chats.map((chat) => chat.messages.at(-1)),
  );
  expect(world.model.calls).toHaveLength(2);
  return JSON.stringify(next.messages);
}

const sessionOf = (chat: SyncedChat) => {
  const transport = (chat as unknown as { transport: Device['transport'] }).transport;
  return transport.session('c');
};

describe('several calls of one answer', () => {
  it('that are answered one on each device are shown as answered on every device, and the answer goes on once', async () => {
    const world = new World();
    const [a, b] = await twoDevices(world, ['t1', 't2'], withTools);
    void answer(a, 't1');
    await shows([a, b], (chat) => states(chat).join() === 'output-available,input-available');
    expect(world.model.calls).toHaveLength(1);
    void answer(b, 't2');
    const seen = await goesOn(world, [a, b]);
    expect(seen).toContain('output of t1');
    expect(seen).toContain('output of t2');
  });

  it('that two devices answer in the same instant lose no answer, and the answer goes on once', async () => {
    const world = new World();
    const [a, b] = await twoDevices(world, ['t1', 't2'], withTools);
    void answer(a, 't1');
    void answer(b, 't2');
    const seen = await goesOn(world, [a, b]);
    expect(seen).toContain('output of t1');
    expect(seen).toContain('output of t2');
  });

  it('that ask for approval go on once, when each device has given its own', async () => {
    const world = new World();
    const [a, b] = await twoDevices(world, ['t1', 't2'], withApprovals, true);
    void a.addToolApprovalResponse({ id: 'approval of t1', approved: true });
    await shows([a, b], (chat) => states(chat).join() === 'approval-responded,approval-requested');
    void b.addToolApprovalResponse({ id: 'approval of t2', approved: false });
    const seen = await goesOn(world, [a, b]);
    expect(seen).toContain('"approved":true');
    expect(seen).toContain('"approved":false');
  });

  it('are shown as answered after a reload, though others still wait', async () => {
    const world = new World();
    const [a, b] = await twoDevices(world, ['t1', 't2', 't3'], withTools);
    void answer(a, 't1');
    void answer(a, 't2');
    const answered = 'output-available,output-available,input-available';
    await shows([a, b], (chat) => chat.status === 'ready' && states(chat).join() === answered);
    const reloaded = world.device().synced('c', withTools);
    await shows([reloaded], (chat) => states(chat).join() === answered);
    void answer(reloaded, 't3');
    await goesOn(world, [a, b, reloaded]);
  });

  it('keep an answer that is given in the moment in which another device’s arrives', async () => {
    const world = new World();
    const [a, b] = await twoDevices(world, ['t1', 't2', 't3'], withTools);
    void answer(a, 't1');
    await until(() => states(b)[0] === 'output-available');
    void answer(b, 't2');
    await shows([a, b], (chat) => states(chat).join() === 'output-available,output-available,input-available');
    void answer(a, 't3');
    const seen = await goesOn(world, [a, b]);
    for (const toolCallId of ['t1', 't2', 't3']) expect(seen).toContain(`output of ${toolCallId}`);
  });

  it('wait for the app to go on, where it does not go on by itself', async () => {
    const world = new World();
    const [a, b] = await twoDevices(world, ['t1', 't2'], {});
    void answer(a, 't1');
    void answer(a, 't2');
    await shows([a], (chat) => states(chat).join() === 'output-available,output-available');
    void a.sendMessage();
    await goesOn(world, [a, b]);
  });
});

describe('an approval that another device has refused before', () => {
  it('leaves the refusal on the device that gave it, also where the run that it began is over first', async () => {
    const world = new World();
    const [a] = await twoDevices(world, ['t1'], withApprovals, true);
    const late = world.device({ realtime: false });
    const b = late.synced('c', withApprovals);
    await shows([b], (chat) => chat.status === 'ready' && states(chat).join() === 'approval-requested');
    const isDenied = (chat: SyncedChat) => states(chat).join() === 'output-denied';
    let send = (): void => {};
    const isSent = new Promise<void>((resolve) => {
      send = resolve;
    });
    // Only the response to its own POST brings the late device the run.
    late.network.block('sse');
    late.network.intercept = (request, forward) => {
      if (request.url.includes('follow=')) return never(request);
      if (request.method !== 'POST') return undefined;
      return isSent.then(forward).then(async (response) => {
        if (!response.ok) return response;
        await until(async () => (await world.log.state('c')).runs.at(-1)?.end);
        // The body comes when the state has been taken over.
        const start = () => until(() => isDenied(b));
        return new Response(response.body?.pipeThrough(new TransformStream({ start })), { headers: response.headers });
      });
    };
    void b.addToolApprovalResponse({ id: 'approval of t1', approved: true });
    await shows([b], (chat) => chat.status === 'submitted');
    void a.addToolApprovalResponse({ id: 'approval of t1', approved: false });
    const next = await world.model.call(1);
    next.push({ type: 'tool-output-denied', toolCallId: 't1' });
    next.say('not done');
    next.finish();
    await shows([a], (chat) => chat.status === 'ready' && isDenied(chat));
    send();
    await until(
      () => b.status === 'ready' && content(a) === content(b),
      () => [a, b].map((chat) => [chat.status, content(chat), late.network.requests]),
    );
    expect(isDenied(b)).toBe(true);
    expect(world.model.calls).toHaveLength(2);
  });

  it.each(['reject', 'interrupt', 'queue'] as const)(
    'does not end, or repeat, the answer behind the refusal (%s)',
    async (onBusy) => {
      const world = new World({ onBusy });
      const [a] = await twoDevices(world, ['t1'], withApprovals, true);
      const late = world.device({ realtime: false });
      const b = late.synced('c', withApprovals);
      await shows([b], (chat) => chat.status === 'ready' && states(chat).join() === 'approval-requested');
      late.network.block('sse');
      late.network.intercept = (request) => (request.url.includes('follow=') ? never(request) : undefined);
      void a.addToolApprovalResponse({ id: 'approval of t1', approved: false });
      const next = await world.model.call(1);
      next.push({ type: 'tool-output-denied', toolCallId: 't1' });
      next.say('not ');
      await shows([a], (chat) => states(chat).join() === 'output-denied');
      void b.addToolApprovalResponse({ id: 'approval of t1', approved: true });
      await until(() => late.network.requests.filter((request) => request.startsWith('POST')).length === 1);
      late.network.intercept = () => undefined;
      late.network.blocked.clear();
      next.say('done');
      next.finish();
      await until(
        () =>
          a.status === 'ready' && b.status === 'ready' && content(a) === content(b) && content(a).includes('not done'),
        () => [a, b].map((chat) => [chat.status, String(chat.error), chat.messages.at(-1), late.network.requests]),
      );
      expect(world.model.calls).toHaveLength(2);
      expect((await world.log.state('c')).runs.at(-1)?.end?.reason).toBe('finish');
    },
  );
});

describe('a call that the end of its run has closed', () => {
  it('stays closed on the device that answers it later, as everywhere', async () => {
    const world = new World();
    const [a, b] = [world.device().synced('c', withTools), world.device().synced('c', withTools)];
    void a.sendMessage({ text: 'hi' });
    const call = await world.model.call();
    call.push({ type: 'tool-input-available', toolCallId: 't1', toolName: 'ask', input: {} });
    await shows([a, b], (chat) => states(chat).join() === 'input-available');
    call.fail(new Error('the model is gone'));
    await shows([a, b], (chat) => chat.status === 'error' && states(chat).join() === 'output-error');
    await answer(a, 't1');
    expect(states(a)).toEqual(['output-error']);
    await shows([a, b], (chat) => states(chat).join() === 'output-error');
    expect(world.model.calls).toHaveLength(1);
  });

  it('runs no client tool', async () => {
    const world = new World();
    const begun: string[] = [];
    const init = {
      ...withTools,
      onToolCall: ({ toolCall }: { toolCall: { toolCallId: string } }) => void begun.push(toolCall.toolCallId),
    };
    const a = world.device().synced('c', init);
    void a.sendMessage({ text: 'hi' });
    const call = await world.model.call();
    call.push({ type: 'tool-input-available', toolCallId: 't1', toolName: 'ask', input: {} });
    // A stream that is broken off loses what was not read of it.
    call.push({ type: 'error', errorText: 'The model is gone.' });
    await shows([a], (chat) => chat.status === 'error' && states(chat).join() === 'output-error');
    await expect.poll(async () => (await world.log.state('c')).active).toBeUndefined();
    // A sentinel: a later call does run.
    void a.sendMessage({ text: 'again' });
    const next = await world.model.call(1);
    next.push({ type: 'tool-input-available', toolCallId: 't2', toolName: 'ask', input: {} });
    next.finish();
    await until(
      () => begun.includes('t2'),
      () => begun,
    );
    expect(begun).toEqual(['t2']);
  });
});

describe('a message on its way behind an answer to a call', () => {
  it.each(['detach', 'cancel'] as const)('is answered, and not recorded with the answer (%s)', async (onAbort) => {
    const world = new World();
    const device = world.device({ onAbort });
    const chat = device.synced('c', withApprovals);
    void chat.sendMessage({ text: 'hi' });
    const call = await world.model.call();
    for (const toolCallId of ['t1', 't2']) {
      call.push({ type: 'tool-input-available', toolCallId, toolName: 'ask', input: {} });
      call.push({ type: 'tool-approval-request', toolCallId, approvalId: `approval of ${toolCallId}` });
    }
    call.finish();
    await shows([chat], ({ status, messages }) => status === 'ready' && messages.length === 2);
    let release: (() => void) | undefined;
    device.network.intercept = ({ method, url }, forward) => {
      if (url.includes('/command'))
        return Promise.resolve(Response.json({ error: { code: 'forbidden', message: 'No.' } }, { status: 403 }));
      if (method !== 'POST' || release) return;
      return new Promise<void>((resolve) => {
        release = resolve;
      }).then(forward);
    };
    void chat.sendMessage({ text: 'mine' });
    await until(() => release);
    await chat.stop();
    await until(() => chat.status === (onAbort === 'cancel' ? 'error' : 'ready'));
    void chat.addToolApprovalResponse({ id: 'approval of t1', approved: true });
    await until(async () => (await world.log.state('c')).turn === 2 && !(await world.log.state('c')).active);
    release?.();
    const next = await world.model.call(1);
    expect(next.messages.at(-1)?.parts).toEqual([{ type: 'text', text: 'mine' }]);
  });
});

describe('a refused message behind an answer to a call', () => {
  /** A device whose sends are refused while `refuses` says so; an answer that asks for approval, and a refused message behind it. */
  async function refusedBehind(calls: readonly string[], answerFirst: boolean) {
    const world = new World();
    const device = world.device();
    const refuses = { now: false };
    device.network.intercept = ({ method }) =>
      refuses.now && method === 'POST'
        ? Promise.resolve(Response.json({ error: { code: 'forbidden', message: 'No.' } }, { status: 403 }))
        : undefined;
    const chat = device.chat('c', withApprovals);
    const sync = syncChat(chat, device.transport);
    onTestFinished(sync);
    void chat.sendMessage({ text: 'hi' });
    const call = await world.model.call();
    for (const toolCallId of calls) {
      call.push({ type: 'tool-input-available', toolCallId, toolName: 'ask', input: {} });
      call.push({ type: 'tool-approval-request', toolCallId, approvalId: `approval of ${toolCallId}` });
    }
    call.finish();
    await shows([chat], ({ status, messages }) => status === 'ready' && messages.length === 2);
    const unsent = () => sync.getReport().unsent.map(({ kind, state }) => `${kind} ${state}`);
    const isRefused = (all: string) => until(() => unsent().join() === all && chat.status === 'error', unsent);
    refuses.now = true;
    if (answerFirst) {
      void chat.addToolApprovalResponse({ id: 'approval of t1', approved: true });
      await isRefused('answer refused');
    }
    void chat.sendMessage({ text: 'mine' });
    await isRefused(answerFirst ? 'answer refused,message refused' : 'message refused');
    refuses.now = false;
    return { world, chat, sync, unsent };
  }

  /** The answer is in the log, and the message is there neither, nor with the model, nor taken for sent. */
  async function isLeft({ world, chat, unsent }: Awaited<ReturnType<typeof refusedBehind>>) {
    await until(
      async () => {
        const { turn, runs } = await world.log.state('c');
        return turn === 2 && runs.every(({ end }) => end) && chat.status === 'ready';
      },
      () => [chat.status, unsent(), texts(chat)],
    );
    expect((await world.log.state('c')).messages.map(({ role }) => role)).toEqual(['user', 'assistant']);
    expect(unsent()).toEqual(['message refused']);
    expect(texts(chat).at(-1)).toBe('user: mine');
  }

  it('is not recorded with the answer, by a run that calls no model', async () => {
    const all = await refusedBehind(['t1', 't2'], false);
    void all.chat.addToolApprovalResponse({ id: 'approval of t1', approved: true });
    await isLeft(all);
    expect(all.world.model.calls).toHaveLength(1);
  });

  it('is not sent along when the answer is sent again', async () => {
    const all = await refusedBehind(['t1'], true);
    void all.sync.resend(all.chat.messages[1]?.id as string);
    const call = await all.world.model.call(1);
    expect(call.messages.map(({ role }) => role)).toEqual(['user', 'assistant']);
    call.finish();
    await isLeft(all);
  });
});

describe('an answer to a call of an earlier message', () => {
  /** Two devices; the first of two answers asks for approval of two calls, and waits. */
  async function waitingBehind(world: World, init: object) {
    const [a, b] = await twoDevices(world, ['t1', 't2'], init, true);
    void b.sendMessage({ text: 'something else' });
    const call = await world.model.call(1);
    call.say('else');
    call.finish();
    await shows([a, b], (chat) => chat.status === 'ready' && chat.messages.length === 4);
    return [a, b] as const;
  }

  const first = ({ messages }: SyncedChat): unknown[] =>
    messages[1]?.parts.flatMap((part) => ('toolCallId' in part ? part.state : [])) ?? [];

  it('is sent along with the answers to the last message, which keeps its beginning on every device', async () => {
    const world = new World();
    const [a, b] = await twoDevices(world, ['t1', 't2'], {}, true);
    void b.sendMessage({ text: 'something else' });
    const asking = await world.model.call(1);
    asking.say('a beginning');
    asking.push(
      { type: 'tool-input-available', toolCallId: 't3', toolName: 'ask', input: {} },
      { type: 'tool-approval-request', toolCallId: 't3', approvalId: 'approval of t3' },
    );
    asking.finish();
    await shows([a, b], (chat) => chat.status === 'ready' && chat.messages.length === 4);
    await a.addToolApprovalResponse({ id: 'approval of t1', approved: true });
    await a.addToolApprovalResponse({ id: 'approval of t3', approved: true });
    void a.sendMessage();
    const next = await world.model.call(2);
    next.say('all there');
    next.finish();
    await shows([a, b], (chat) => chat.status === 'ready' && texts(chat).at(-1)?.includes('all there') === true);
    expect(texts(b).at(-1)).toContain('a beginning');
    expect(content(b)).toBe(content(a));
  });

  it('is kept when the chat’s state is taken over before it is sent', async () => {
    const world = new World();
    const [a] = await waitingBehind(world, {});
    await a.addToolApprovalResponse({ id: 'approval of t1', approved: true });
    const taken = a.messages;
    sessionOf(a).refresh();
    await until(() => a.messages !== taken);
    expect(first(a)).toEqual(['approval-responded', 'approval-requested']);
  });

  /** A page that shows the first call as approved from before, and sends behind that; its send waits until `forward` is called. */
  async function reloaded(world: World, a: SyncedChat) {
    const messages = structuredClone(a.messages.slice(0, 2));
    for (const part of messages[1]?.parts ?? [])
      if ('toolCallId' in part && part.toolCallId === 't1')
        Object.assign(part, { state: 'approval-responded', approval: { id: 'approval of t1', approved: true } });
    const device = world.device();
    const chat = device.synced('c', { messages });
    let forward = (): void => {};
    const isForwarded = new Promise<void>((resolve) => {
      forward = resolve;
    });
    device.network.intercept = ({ method }, post) => (method === 'POST' ? isForwarded.then(post) : undefined);
    void chat.sendMessage({ id: 'u3', role: 'user', parts: [{ type: 'text', text: 'and this' }] } as never);
    await shows([chat], (own) => own.messages.length === 5);
    return { chat, forward };
  }

  it('is kept by a page that shows it from before, while a send that takes it along waits', async () => {
    const world = new World();
    const [a] = await waitingBehind(world, {});
    const { chat, forward } = await reloaded(world, a);
    expect(first(chat)).toEqual(['approval-responded', 'approval-requested']);
    forward();
    const next = await world.model.call(2);
    next.say('all there');
    next.finish();
    await shows([a, chat], (each) => each.status === 'ready' && each.messages.length === 6);
    expect(first(a)).toEqual(['approval-responded', 'approval-requested']);
    expect(content(chat)).toBe(content(a));
  });

  it('is not shown any more where the send that took it along is refused', async () => {
    let refuses = false;
    const world = new World({ authorize: ({ action }) => action !== 'send' || !refuses });
    const [a] = await waitingBehind(world, {});
    const { chat, forward } = await reloaded(world, a);
    refuses = true;
    forward();
    await shows([chat], (own) => own.status === 'error' && first(own).join() === first(a).join());
    expect(first(a)).toEqual(['approval-requested', 'approval-requested']);
  });

  it('is not shown any more where the message of the send that took it along was there already', async () => {
    const world = new World();
    const [a] = await waitingBehind(world, {});
    const { chat, forward } = await reloaded(world, a);
    void a.sendMessage({ id: 'u3', role: 'user', parts: [{ type: 'text', text: 'and this' }] } as never);
    const next = await world.model.call(2);
    next.say('all there');
    next.finish();
    await shows([a], (each) => each.status === 'ready' && each.messages.length === 6);
    forward();
    await shows([chat], (own) => own.status === 'ready' && content(own) === content(a));
    expect(world.model.calls).toHaveLength(3);
  });

  it('is sent when it is given, and shown on every device', async () => {
    const world = new World();
    const [a, b] = await waitingBehind(world, withApprovals);
    await a.addToolApprovalResponse({ id: 'approval of t1', approved: true });
    await shows([a, b], (chat) => first(chat).join() === 'approval-responded,approval-requested');
    await shows([a, b], (chat) => chat.status === 'ready' && texts(chat).length === 4);
    expect(world.model.calls).toHaveLength(2);
  });
});

describe('a send whose response hangs', () => {
  it('keeps nothing of others from being shown, and writes no older answer over a newer one, where the next send took it along', async () => {
    const world = new World();
    const device = world.device();
    const a = device.synced('c', withTools);
    const [post, body] = [latch(), latch()];
    let posts = 0;
    device.network.intercept = ({ method }, forward) => {
      posts += method === 'POST' ? 1 : 0;
      return method === 'POST' && posts === 1 ? post.opened.then(forward).then(behind(body.opened)) : undefined;
    };
    const hanging = a.sendMessage({ text: 'one' });
    await until(() => posts === 1);
    void a.sendMessage({ text: 'two' });
    const call = await world.model.call();
    call.push({ type: 'tool-input-available', toolCallId: 't1', toolName: 'ask', input: {} });
    call.finish();
    await shows([a], (chat) => states(chat).length === 1 && chat.status === 'ready');
    await answer(a, 't1');
    const next = await world.model.call(1);
    next.say('all there');
    next.finish();
    await shows([a], (chat) => texts(chat).at(-1)?.includes('all there') === true);
    const b = world.device().synced('c');
    await shows([b], (chat) => texts(chat).at(-1)?.includes('all there') === true);
    void b.sendMessage({ text: 'three' });
    const last = await world.model.call(2);
    last.say('the end');
    last.finish();
    await shows([a, b], (chat) => texts(chat).at(-1)?.includes('the end') === true);
    post.open();
    await until(() => sessionOf(a).ledger.shown.place.kind === 'uncertain');
    await until(() => sessionOf(a).ledger.shown.place.kind !== 'uncertain');
    body.open();
    await hanging;
    await until(
      () => a.status === 'ready' && content(a) === content(b),
      () => [a.status, content(a), content(b)],
    );
  });

  it('runs the tools of its answer, also where a later send was refused meanwhile', async () => {
    const world = new World();
    const device = world.device();
    const ran: string[] = [];
    const a = device.synced('c', { onToolCall: ({ toolCall }) => void ran.push(toolCall.toolCallId) });
    const post = latch();
    let posts = 0;
    device.network.intercept = (request, forward) => {
      if (request.method !== 'POST' || request.url.includes('/c/')) return;
      posts += 1;
      const error = { code: 'invalid-message', message: 'Not this.' };
      return posts === 1 ? post.opened.then(forward) : Promise.resolve(Response.json({ error }, { status: 400 }));
    };
    void a.sendMessage({ text: 'one' });
    await until(() => posts === 1);
    await a.sendMessage({ text: 'two' });
    expect(a.error?.message).toBe('Not this.');
    post.open();
    const call = await world.model.call();
    call.push({ type: 'tool-input-available', toolCallId: 't1', toolName: 'ask', input: {} });
    await until(
      () => ran.length === 1,
      () => [ran, sessionOf(a).ledger.shown],
    );
    call.finish();
  });

  /** The response, whose body comes after its head. */
  const behind = (opened: Promise<void>) => (response: Response) =>
    new Response(
      response.body?.pipeThrough(
        new TransformStream({ transform: (bytes, controller) => opened.then(() => controller.enqueue(bytes)) }),
      ),
      response,
    );

  function latch() {
    let open = (): void => {};
    const opened = new Promise<void>((resolve) => {
      open = resolve;
    });
    return { opened, open: () => open() };
  }
});
