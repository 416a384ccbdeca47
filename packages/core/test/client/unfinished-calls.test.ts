import type { Chat } from '@ai-sdk/react';
import { lastAssistantMessageIsCompleteWithApprovalResponses, type UIMessage } from 'ai';
import { describe, expect, it } from 'vitest';
import { until, World } from '../support/world.ts';

const toolsOf = (chat: Chat<UIMessage>) =>
  chat.messages.flatMap(({ parts }) =>
    parts.flatMap((part) =>
      'toolCallId' in part ? [{ call: part.toolCallId, state: part.state, error: part.errorText }] : [],
    ),
  );

describe('a stop while a tool works', () => {
  it('leaves the same closed call on the device that stopped, on one that watched, and after a reload', async () => {
    const world = new World();
    const [sender, watcher, polling] = [world.device(), world.device(), world.device({ realtime: false })];
    const chat = sender.synced('c');
    const others = [watcher.synced('c'), polling.synced('c')];
    void chat.sendMessage({ text: 'hi' });
    const call = await world.model.call();
    call.push({ type: 'tool-input-available', toolCallId: 't', toolName: 'search', input: { q: 'x' } });
    for (const each of [chat, ...others])
      await until(
        () => toolsOf(each).length === 1,
        () => each.messages,
      );
    await chat.stop();
    const closed = [{ call: 't', state: 'output-error', error: 'The run ended before this tool call was finished.' }];
    for (const each of [chat, ...others]) {
      await until(
        () => toolsOf(each)[0]?.state === 'output-error',
        () => each.messages,
      );
      expect(toolsOf(each)).toEqual(closed);
    }
    const reloaded = world.device().synced('c');
    await until(
      () => toolsOf(reloaded).length === 1,
      () => reloaded.messages,
    );
    expect(toolsOf(reloaded)).toEqual(closed);
  });
});

describe('a run that goes on with an approved call, and ends before it has run', () => {
  const withApprovals = { sendAutomaticallyWhen: lastAssistantMessageIsCompleteWithApprovalResponses };
  const closed = [{ call: 't', state: 'output-error', error: 'The run ended before this tool call was finished.' }];

  const shows = (chats: readonly Chat<UIMessage>[], condition: (chat: Chat<UIMessage>) => boolean) =>
    until(
      () => chats.every(condition),
      () => chats.map((chat) => [chat.status, chat.error?.message, chat.messages]),
    );

  const showsState = (chats: readonly Chat<UIMessage>[], state: string) =>
    shows(chats, (chat) => toolsOf(chat)[0]?.state === state);

  /** Three devices that show an answer with a call that waits for approval; the last has no realtime. */
  async function waiting(world: World) {
    const devices = [world.device(), world.device(), world.device({ realtime: false })] as const;
    const chats = devices.map((device) => device.synced('c', withApprovals));
    const [a, b] = chats as [Chat<UIMessage>, Chat<UIMessage>];
    void a.sendMessage({ text: 'hi' });
    const call = await world.model.call();
    call.push(
      { type: 'tool-input-available', toolCallId: 't', toolName: 'pay', input: {} },
      { type: 'tool-approval-request', toolCallId: 't', approvalId: 'approval' },
    );
    call.finish();
    await shows(chats, (chat) => chat.status === 'ready' && toolsOf(chat)[0]?.state === 'approval-requested');
    return { network: devices[0].network, chats, a, b };
  }

  it('closes the call on the device that approved it, where other messages have followed', async () => {
    const world = new World();
    const { chats, a, b } = await waiting(world);
    void b.sendMessage({ text: 'something else' });
    const other = await world.model.call(1);
    other.say('else');
    other.finish();
    await shows(chats, (chat) => chat.status === 'ready' && chat.messages.length === 4);
    await a.addToolApprovalResponse({ id: 'approval', approved: true });
    void a.sendMessage();
    const call = await world.model.call(2);
    call.say('paying');
    await shows(chats, (chat) => JSON.stringify(chat.messages).includes('paying'));
    await b.stop();
    await showsState(chats, 'output-error');
    for (const chat of chats) expect(toolsOf(chat)).toEqual(closed);
  });

  it('closes the call on every device, where the run was cancelled before it began', async () => {
    const world = new World();
    const { chats, a, network } = await waiting(world);
    // The cancel reaches the log in front of the run.
    let arrive = () => {};
    const arrived = new Promise<void>((resolve) => {
      arrive = resolve;
    });
    network.intercept = (request, forward) => {
      if (!request.url.endsWith('/command')) return request.method === 'POST' ? arrived.then(forward) : undefined;
      return forward().finally(arrive);
    };
    await a.addToolApprovalResponse({ id: 'approval', approved: true });
    await until(() => a.status === 'submitted');
    void a.stop();
    await showsState(chats, 'output-error');
    for (const chat of chats) expect(toolsOf(chat)).toEqual(closed);
    await until(() => world.finished.length === 2);
    expect(world.finished.map(({ outcome }) => outcome)).toEqual(['finish', 'cancel']);
    expect(world.model.calls).toHaveLength(1);
  });

  it('closes the call on every device, and says why, where the server was lost before it wrote anything', async () => {
    const world = new World();
    const { chats, a } = await waiting(world);
    const living = world.handler;
    const respond = () => new Promise<never>(() => {});
    world.handler = world.newServer({ respond, leaseMs: 1000, renewEveryMs: 1_000_000 });
    await a.addToolApprovalResponse({ id: 'approval', approved: true });
    await until(async () => (await world.log.state('c')).turn === 2);
    world.handler = living;
    await shows(chats, (chat) => chat.status === 'error' && toolsOf(chat)[0]?.state === 'output-error');
    for (const chat of chats) {
      expect(toolsOf(chat)).toEqual(closed);
      expect(chat.error).toMatchObject({ code: 'lost' });
    }
  });
});

it('a regenerate of the second of two answers, which is stopped elsewhere, closes no call of the first one', async () => {
  const world = new World();
  const messages = [
    { id: 'u1', role: 'user', parts: [{ type: 'text', text: 'hi' }] },
    {
      id: 'a1',
      role: 'assistant',
      parts: [{ type: 'tool-where', toolCallId: 't', state: 'input-available', input: {} }],
    },
    { id: 'a2', role: 'assistant', parts: [{ type: 'text', text: 'second' }] },
  ] as UIMessage[];
  const chat = world.device().chat('c', { messages });
  const sent = chat.regenerate();
  const call = await world.model.call();
  call.say('again ');
  await until(() => JSON.stringify(chat.messages.at(-1)?.parts).includes('again'));
  const { active } = await world.log.state('c');
  await world.handler.runtime.command({ chatId: 'c', runId: active?.runId ?? '' }, { id: 'stop', type: 'cancel' });
  await sent;
  expect([chat.status, chat.error]).toEqual(['ready', undefined]);
});
