import {
  isToolUIPart,
  lastAssistantMessageIsCompleteWithApprovalResponses,
  lastAssistantMessageIsCompleteWithToolCalls,
} from 'ai';
import { describe, expect, it, onTestFinished } from 'vitest';
import { syncChat, wakeUp } from '../../src/index.ts';
import { type Device, isSettled, type ModelCall, texts, until, World } from '../support/world.ts';

type Chat = ReturnType<Device['chat']>;

const question = { id: 'question', role: 'user', parts: [{ type: 'text', text: 'hi' }] } as const;
const callTool = (call: ModelCall) =>
  call.push({ type: 'tool-input-available', toolCallId: 'call', toolName: 'where', input: {} });

/** What a user does, and what a refusal of it leaves in the messages. */
interface Act {
  readonly kind: 'message' | 'edit' | 'regenerate' | 'answer';
  readonly title: string;
  readonly init?: Parameters<Device['chat']>[1];
  prepare?(call: ModelCall): void;
  act(chat: Chat): unknown;
  keeps(chat: Chat): boolean;
}

/** Edits the question, whose id is another one from then on. */
const editAs = (id: string) => (chat: Chat) =>
  chat.sendMessage({ id, role: 'user', parts: [{ type: 'text', text: 'mine' }], messageId: question.id } as never);

const toolState = ({ messages }: Chat) => messages.flatMap(({ parts }) => parts).find(isToolUIPart)?.state;

const acts: readonly Act[] = [
  {
    kind: 'message',
    title: 'message',
    act: (chat) => chat.sendMessage({ id: 'mine', role: 'user', parts: [{ type: 'text', text: 'mine' }] } as never),
    keeps: (chat) => texts(chat).includes('user: mine'),
  },
  {
    kind: 'edit',
    title: 'edit',
    act: (chat) => chat.sendMessage({ text: 'mine', messageId: question.id }),
    keeps: (chat) => texts(chat)[0] === 'user: hi',
  },
  {
    kind: 'edit',
    title: 'edit that gives its message another id',
    act: editAs('mine'),
    keeps: (chat) => texts(chat)[0] === 'user: hi' && !texts(chat).includes('user: mine'),
  },
  {
    kind: 'regenerate',
    title: 'regenerate',
    act: (chat) => chat.regenerate(),
    keeps: (chat) => texts(chat)[1] === 'assistant: hello ',
  },
  {
    kind: 'answer',
    title: 'output of a tool',
    init: { sendAutomaticallyWhen: lastAssistantMessageIsCompleteWithToolCalls },
    prepare: callTool,
    act: (chat) => chat.addToolOutput({ tool: 'where', toolCallId: 'call', output: 'mine' }),
    keeps: (chat) => toolState(chat) === 'output-available',
  },
  {
    kind: 'answer',
    title: 'approval',
    init: { sendAutomaticallyWhen: lastAssistantMessageIsCompleteWithApprovalResponses },
    prepare: (call) => {
      callTool(call);
      call.push({ type: 'tool-approval-request', toolCallId: 'call', approvalId: 'approval' });
    },
    act: (chat) => chat.addToolApprovalResponse({ id: 'approval', approved: true }),
    keeps: (chat) => toolState(chat) === 'approval-responded',
  },
];

/** Two synchronized devices of a conversation; the first one's sends are refused while `refuses` says so. */
async function conversation({ init = {}, prepare }: Pick<Act, 'init' | 'prepare'>) {
  const world = new World();
  const device = world.device();
  const refuses = { now: false };
  device.network.intercept = ({ method, url }) =>
    refuses.now && method === 'POST' && new URL(url).pathname === '/api/chat'
      ? Promise.resolve(Response.json({ error: { code: 'forbidden', message: 'No.' } }, { status: 403 }))
      : undefined;
  const chat = device.chat('c', init);
  const sync = syncChat(chat, device.transport);
  onTestFinished(sync);
  const other = world.device().synced('c');
  void chat.sendMessage(question as never);
  const call = await world.model.call();
  call.say('hello ');
  prepare?.(call);
  call.finish();
  await until(() => [chat, other].every(({ status, messages }) => status === 'ready' && messages.length === 2));
  const unsent = () => sync.getReport().unsent.map(({ kind, state }) => `${kind} ${state}`);
  return { world, device, chat, sync, other, refuses, unsent };
}

/** The errors that a chat shows from now on. */
function errorsOf(chat: Chat): unknown[] {
  const errors: unknown[] = [];
  const note = () => errors.push((chat.error as { code?: string } | undefined)?.code);
  onTestFinished(chat['~registerErrorCallback'](note));
  onTestFinished(chat['~registerStatusCallback'](note));
  return errors;
}

describe.each(acts)('a refused $title', (each) => {
  async function refused() {
    const all = await conversation(each);
    const { chat, refuses, unsent } = all;
    refuses.now = true;
    await each.act(chat);
    await until(
      () => chat.status === 'error' && unsent().join() === `${each.kind} refused` && each.keeps(chat),
      () => [chat.status, unsent(), chat.messages],
    );
    expect(chat.error).toMatchObject({ code: 'forbidden' });
    return all;
  }
  const seen = ({ chat, unsent }: Awaited<ReturnType<typeof refused>>) => [
    chat.status,
    String(chat.error),
    texts(chat),
    unsent(),
  ];

  /** The other device asks, and this one sees the whole answer; `whileStreaming` runs in the middle of it. */
  async function answerTheirs(all: Awaited<ReturnType<typeof refused>>, whileStreaming = (): void => {}) {
    const { world, chat, other } = all;
    void other.sendMessage({ text: 'theirs' });
    const call = await world.model.call(1);
    call.say('streamed ');
    await until(
      () => chat.status === 'streaming' && texts(chat).includes('assistant: streamed '),
      () => seen(all),
    );
    whileStreaming();
    call.finish();
    await until(
      () => chat.status === 'error',
      () => seen(all),
    );
  }

  it('keeps its error while another device’s answer streams, and after it', async () => {
    const all = await refused();
    const { chat, unsent } = all;
    const errors = errorsOf(chat);
    await answerTheirs(all, () => {
      expect(chat.error).toMatchObject({ code: 'forbidden' });
      expect(unsent()).toEqual([`${each.kind} refused`]);
    });
    expect(new Set(errors)).toEqual(new Set(['forbidden']));
    expect(unsent()).toEqual([`${each.kind} refused`]);
    expect(each.keeps(chat)).toBe(true);
  });

  it('is delivered when it is sent again behind another device’s answer', async () => {
    const all = await refused();
    const { world, chat, sync, other, refuses, unsent } = all;
    await answerTheirs(all);
    refuses.now = false;
    const sending = sync.resend(sync.getReport().unsent[0]?.messageId as string);
    const call = await world.model.call(2);
    expect(chat.error).toBeUndefined();
    call.say('again');
    call.finish();
    await sending;
    await until(
      () => chat.status === 'ready' && unsent().length === 0 && texts(chat).some((text) => text.includes('again')),
      () => seen(all),
    );
    await until(
      () => JSON.stringify(texts(other)) === JSON.stringify(texts(chat)),
      () => [texts(other), texts(chat)],
    );
  });

  it.each([
    ['gives it up', 'discard'],
    ['dismisses the error', 'clearError'],
  ])('loses its error as soon as the user %s, also while another device’s answer streams', async (_, how) => {
    const all = await refused();
    const { world, chat, sync, other, unsent } = all;
    void other.sendMessage({ text: 'theirs' });
    const call = await world.model.call(1);
    call.say('streamed ');
    await until(
      () => chat.status === 'streaming' && texts(chat).includes('assistant: streamed '),
      () => seen(all),
    );
    const isDiscarded = how === 'discard';
    if (isDiscarded) sync.discard(sync.getReport().unsent[0]?.messageId as string);
    else chat.clearError();
    expect(chat.error).toBeUndefined();
    expect(chat.status).toBe('streaming');
    expect(unsent()).toEqual(isDiscarded ? [] : [`${each.kind} refused`]);
    call.finish();
    await until(
      () => chat.status === 'ready' && (!isDiscarded || JSON.stringify(texts(other)) === JSON.stringify(texts(chat))),
      () => seen(all),
    );
    expect(chat.error).toBeUndefined();
  });
});

describe('a refused message that is edited', () => {
  const say = (text: string) => ({ role: 'user', parts: [{ type: 'text', text }] }) as const;
  const before = ['user: hi', 'assistant: hello '];

  /** The message is refused, and so is its edit, after which the device reads what the log has. */
  async function refusedTwice(id: string) {
    const all = await conversation({});
    const { device, chat, refuses, unsent } = all;
    refuses.now = true;
    await chat.sendMessage({ id: 'mine', ...say('mine') } as never);
    await until(() => unsent().join() === 'message refused' && isSettled(device));
    await chat.sendMessage({ id, ...say('better'), messageId: 'mine' } as never);
    await until(() => unsent().join() === 'message refused,edit refused' && isSettled(device));
    refuses.now = false;
    return all;
  }

  it.each(['mine', 'other'])('stays in the chat where the edit is refused, too (its id is %j)', async (id) => {
    const { world, chat, sync, unsent } = await refusedTwice(id);
    expect([texts(chat), chat.messages.at(-1)?.id]).toEqual([[...before, 'user: better'], id]);
    void chat.sendMessage({ text: 'next' });
    const call = await world.model.call(1);
    expect(texts(call)).toEqual([...before, 'user: next']);
    call.finish();
    await until(() => chat.status === 'ready' || chat.status === 'error');
    sync.discard('mine');
    expect([texts(chat).includes('user: better'), unsent()]).toEqual([false, []]);
  });

  it('is sent again as it is shown', async () => {
    const { world, chat, sync, other, unsent } = await refusedTwice('mine');
    const sent = sync.resend('mine');
    const call = await world.model.call(1);
    expect(texts(call)).toEqual([...before, 'user: better']);
    call.say('answer');
    call.finish();
    await sent;
    const shown = [...before, 'user: better', 'assistant: answer'];
    await until(
      () => [chat, other].every((each) => texts(each).join() === shown.join()) && unsent().length === 0,
      () => [texts(chat), texts(other), unsent()],
    );
  });
});

describe('a refused answer to a call', () => {
  it('is sent again as the user gave it, where a refused regenerate has taken it from the screen', async () => {
    const [output] = acts.filter(({ title }) => title === 'output of a tool') as [Act];
    const { world, chat, sync, refuses, unsent } = await conversation(output);
    refuses.now = true;
    await output.act(chat);
    await until(() => unsent().join() === 'answer refused');
    await chat.regenerate();
    await until(() => unsent().join() === 'answer refused,regenerate refused' && chat.messages.length === 2);
    refuses.now = false;
    const sent = sync.resend(chat.messages[1]?.id as string);
    const call = await world.model.call(1);
    expect(JSON.stringify(call.messages)).toContain('"output":"mine"');
    call.finish();
    await sent;
  });
});

describe.each(acts.filter(({ kind }) => kind !== 'message'))('a refused $title whose message is gone', (each) => {
  it('is refused again, for that reason, when it is sent again, and takes no other message', async () => {
    const { world, chat, sync, other, refuses, unsent } = await conversation(each);
    const first = { id: 'first', role: 'user', parts: [{ type: 'text', text: 'first' }] } as const;
    refuses.now = true;
    await each.act(chat);
    await until(() => unsent().join() === `${each.kind} refused` && each.keeps(chat));
    const { messageId } = sync.getReport().unsent[0] as { messageId: string };
    // Another device edits the question under another id, which takes both messages away.
    void other.sendMessage({ ...first, messageId: question.id } as never);
    const edited = await world.model.call(1);
    edited.say('another ');
    edited.finish();
    const shown = ['user: first', 'assistant: another '];
    await until(
      () => JSON.stringify(texts(chat)) === JSON.stringify(shown) && chat.status === 'error',
      () => [chat.status, texts(chat)],
    );
    refuses.now = false;
    await sync.resend(messageId);
    await until(
      () => (chat.error as { code?: string } | undefined)?.code === 'stale',
      () => [String(chat.error), unsent()],
    );
    expect(sync.getReport().unsent).toMatchObject([
      { messageId, kind: each.kind, state: 'refused', error: chat.error },
    ]);
    sync.discard(messageId);
    expect([unsent(), chat.error, texts(chat)]).toEqual([[], undefined, shown]);
    // A sentinel: the next question is the model's next call.
    void chat.sendMessage({ text: 'more' });
    (await world.model.call(2)).finish();
    await until(() => chat.status === 'ready');
    expect(world.model.calls).toHaveLength(3);
    expect((await world.log.state('c')).turn).toBe(3);
  });
});

describe('an edit that gives its message another id', () => {
  const before = ['user: hi', 'assistant: hello '];

  /** The edit is refused, and what the log has instead cannot be read until `restore` is called. */
  async function refusedUnread() {
    const all = await conversation({});
    const { device, chat, refuses, unsent } = all;
    const { intercept } = device.network;
    let isCut = true;
    device.network.intercept = (request, forward) =>
      isCut && request.method === 'GET' ? Promise.reject(new TypeError('fetch failed')) : intercept(request, forward);
    refuses.now = true;
    await editAs('mine')(chat);
    expect([texts(chat), unsent()]).toEqual([['user: mine'], ['edit refused']]);
    refuses.now = false;
    const restore = () => {
      isCut = false;
      wakeUp();
    };
    return { ...all, restore };
  }

  it('is not sent along with the next message, also before the device has read what the log has', async () => {
    const { world, chat, other, unsent, restore } = await refusedUnread();
    void chat.sendMessage({ text: 'next' });
    const call = await world.model.call(1);
    expect(texts(call)).toEqual([...before, 'user: next']);
    restore();
    call.say('answer');
    call.finish();
    const shown = [...before, 'user: next', 'assistant: answer'];
    await until(
      () => [chat, other].every((each) => texts(each).join() === shown.join()),
      () => [texts(chat), texts(other)],
    );
    expect(unsent()).toEqual(['edit refused']);
  });

  it('disappears when the user discards it before the device has read what the log has', async () => {
    const { chat, sync, unsent, restore } = await refusedUnread();
    sync.discard(question.id);
    expect([texts(chat), unsent(), chat.error]).toEqual([[], [], undefined]);
    restore();
    await until(
      () => texts(chat).join() === before.join(),
      () => texts(chat),
    );
  });

  it('is sent again as an edit before the device has read what the log has', async () => {
    const { world, chat, sync, other, unsent, restore } = await refusedUnread();
    const sent = sync.resend(question.id);
    const call = await world.model.call(1);
    expect(call.messages.map(({ id }) => id)).toEqual(['mine']);
    restore();
    call.say('better');
    call.finish();
    await sent;
    await until(
      () => [chat, other].every((each) => texts(each).join() === 'user: mine,assistant: better'),
      () => [texts(chat), texts(other)],
    );
    expect([chat.messages[0]?.id, unsent(), chat.error]).toEqual(['mine', [], undefined]);
  });

  it('that is on its way is no message that the next one may take along', async () => {
    const { world, device, chat, unsent } = await conversation({});
    const { intercept } = device.network;
    const held: (() => void)[] = [];
    device.network.intercept = (request, forward) =>
      request.method === 'POST' && new URL(request.url).pathname === '/api/chat' && held.length === 0
        ? new Promise((resolve) => {
            held.push(() => resolve(Response.json({ error: { code: 'forbidden', message: 'No.' } }, { status: 403 })));
          })
        : intercept(request, forward);
    void editAs('mine')(chat);
    await until(() => held.length === 1);
    await chat.stop();
    void chat.sendMessage({ text: 'next' });
    const call = await world.model.call(1);
    expect(texts(call)).toEqual([...before, 'user: next']);
    held[0]?.();
    call.say('answer');
    call.finish();
    const shown = [...before, 'user: next', 'assistant: answer'];
    await until(
      () => texts(chat).join() === shown.join() && unsent().join() === 'edit refused',
      () => [texts(chat), unsent()],
    );
  });
});
