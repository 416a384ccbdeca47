import {
  isToolUIPart,
  lastAssistantMessageIsCompleteWithApprovalResponses,
  lastAssistantMessageIsCompleteWithToolCalls,
} from 'ai';
import { describe, expect, it, onTestFinished } from 'vitest';
import { syncChat } from '../../src/index.ts';
import { type Device, type ModelCall, texts, until, World } from '../support/world.ts';

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
  return { world, chat, sync, other, refuses, unsent };
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

  const [each] = acts.filter(({ title }) => title === 'output of a tool') as [Act];

  it('stays refused when it is sent again and its message is gone, and no other answer goes on in its place', async () => {
    const { world, chat, sync, other, refuses, unsent } = await conversation(each);
    refuses.now = true;
    await each.act(chat);
    await until(() => unsent().join() === 'answer refused');
    const kept = sync.getReport().unsent;
    const { messageId } = kept[0] as { messageId: string };
    // Another device edits the question, which takes the answer away.
    void other.sendMessage({ text: 'edited', messageId: question.id });
    const edited = await world.model.call(1);
    edited.say('another ');
    edited.finish();
    const shown = ['user: edited', 'assistant: another '];
    await until(
      () => JSON.stringify(texts(chat)) === JSON.stringify(shown) && chat.status === 'error',
      () => [chat.status, texts(chat)],
    );
    refuses.now = false;
    await expect(sync.resend(messageId)).rejects.toMatchObject({ code: 'forbidden' });
    expect(sync.getReport().unsent).toEqual(kept);
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
