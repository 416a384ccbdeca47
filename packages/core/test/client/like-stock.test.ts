import { Chat } from '@ai-sdk/react';
import { type ChatStatus, type ChatTransport, DefaultChatTransport, type UIMessage } from 'ai';
import { describe, expect, it } from 'vitest';
import { RealtimeChatTransport } from '../../src/index.ts';
import { type ModelCall, until, World } from '../support/world.ts';

/*
 * The same conversation with the AI SDK's own transport and with ours, against one server: a plain `Chat` must show the same in both, state by
 * state.
 */
type Fetch = typeof globalThis.fetch;

const transports = {
  stock: (fetch: Fetch): ChatTransport<UIMessage> => new DefaultChatTransport({ api: '/api/chat', fetch }),
  ours: (fetch: Fetch): ChatTransport<UIMessage> => new RealtimeChatTransport({ api: '/api/chat', fetch }),
};

interface Seen {
  readonly statuses: ChatStatus[];
  /** How many parts and characters each state of the messages had. */
  readonly states: string[];
  readonly error: string | undefined;
  readonly final: unknown;
}

/** What a chat shows, from its first send to its end. */
async function seen(
  name: keyof typeof transports,
  answer: (call: ModelCall, shows: (state: string) => Promise<void>) => void | Promise<void>,
  respondBy: (request: Request, forward: () => Promise<Response>) => Promise<Response> = (_, forward) => forward(),
): Promise<Seen> {
  const world = new World();
  const device = world.device({ realtime: false });
  device.network.intercept = (request, forward) =>
    request.method === 'POST' ? respondBy(request, forward) : undefined;
  const fetch = device.network.fetch(() => world.handler);
  const chat = new Chat<UIMessage>({ id: 'c', transport: transports[name](fetch), generateId: () => 'id' });
  const statuses: ChatStatus[] = [];
  const states: string[] = [];
  chat['~registerStatusCallback'](() => void statuses.push(chat.status));
  chat['~registerMessagesCallback'](() => {
    const last = chat.lastMessage;
    states.push(
      `${chat.messages.length}: ${last?.parts.map((part) => ('text' in part ? part.text : part.type)).join()}`,
    );
  });
  const sending = chat.sendMessage({ text: 'hi' });
  const isAnswered = await Promise.race([world.model.call().then(() => true), sending.then(() => false)]);
  // What waits together may be merged on the way: the next chunk comes when this one is shown.
  const shows = (state: string): Promise<void> =>
    until(
      () => states.at(-1) === state,
      () => [state, states],
    );
  if (isAnswered) await answer(await world.model.call(), shows);
  await sending;
  await until(
    () => chat.status === 'ready' || chat.status === 'error',
    () => chat.status,
  );
  const final = chat.messages.map(({ role, parts }) => ({ role, parts }));
  return { statuses, states, error: chat.error?.message, final };
}

const bothSee = async (...args: [Parameters<typeof seen>[1], Parameters<typeof seen>[2]?]): Promise<Seen> => {
  const [stock, ours] = [await seen('stock', ...args), await seen('ours', ...args)];
  expect(ours).toEqual(stock);
  return ours;
};

describe('a plain chat shows the same as with the transport of the AI SDK', () => {
  it('from the question to the end of the answer, one state for each chunk', async () => {
    const { statuses, states } = await bothSee(async (call, shows) => {
      let text = '2: step-start,';
      await shows(text);
      for (const word of ['one ', 'two ', 'three']) {
        call.say(word);
        text += word;
        await shows(text);
      }
      call.push({ type: 'tool-input-available', toolCallId: 't', toolName: 'where', input: {} });
      await shows(`${text},tool-where`);
      call.push({ type: 'tool-output-available', toolCallId: 't', output: 'here' });
      call.finish();
    });
    expect(statuses).toEqual(['submitted', 'streaming', 'ready']);
    expect(states).toContain('2: step-start,one two ');
  });

  it('where the answer fails in its middle', async () => {
    const { statuses } = await bothSee(async (call, shows) => {
      call.say('one ');
      await shows('2: step-start,one ');
      call.push({ type: 'error', errorText: 'The model is tired.' });
    });
    expect(statuses.at(-1)).toBe('error');
  });

  it.each([
    [404, 'Not found'],
    [500, 'Something broke'],
    [403, '{"reason":"no"}'],
  ])('where something in front of the server answers %d', async (status, text) => {
    const { error } = await bothSee(
      () => {},
      async () => new Response(text, { status }),
    );
    expect(error).toBe(text);
  });
});

it.each(['stock', 'ours'] as const)('an edit that gives the message another id is answered (%s)', async (name) => {
  const world = new World();
  const fetch: Fetch = (input, init) => world.handler(new Request(new URL(String(input), 'http://test.local'), init));
  const chat = new Chat({ id: 'c', transport: transports[name](fetch) });
  const message = (id: string, text: string, messageId?: string) =>
    chat.sendMessage({ id, role: 'user', parts: [{ type: 'text', text }], messageId } as never);
  const sent = message('old', 'old text');
  (await world.model.call()).finish();
  await sent;
  const edited = message('new', 'new text', 'old');
  const { messages } = await world.model.call(1);
  expect(messages.map(({ id, parts }) => [id, parts])).toEqual([['new', [{ type: 'text', text: 'new text' }]]]);
  world.model.calls[1]?.finish();
  await edited;
  expect(chat.error).toBeUndefined();
});

it('an edit that gives the message another id is answered where a plain chat was just loaded', async () => {
  const world = new World();
  const first = world.device().chat('c');
  const sent = first.sendMessage({ id: 'old', role: 'user', parts: [{ type: 'text', text: 'old text' }] } as never);
  (await world.model.call()).finish();
  await sent;
  const chat = world.device().chat('c', { messages: first.messages });
  const parts = [{ type: 'text', text: 'new text' }];
  const edited = chat.sendMessage({ id: 'new', role: 'user', parts, messageId: 'old' } as never);
  const { messages } = await world.model.call(1);
  expect(messages.map(({ id }) => id)).toEqual(['new']);
  world.model.calls[1]?.finish();
  await edited;
  expect(chat.error).toBeUndefined();
});
