import type { ChatHandlerOptions, RespondInput } from '@chat-transport/core/server';
import * as newest from 'ai';
import { lastAssistantMessageIsCompleteWithToolCalls, type UIMessage } from 'ai';
import * as oldest from 'ai-7-0-70';
import { describe, expect, it } from 'vitest';
import { createWorld, ended, until, type World } from '../support.ts';
import { deadAndNext } from './mortal.ts';
import { callOf, finishWith, openRun, type Script, textOf, toolsOf, twoTools } from './scripted-run.ts';
import { chatId, goesOn, send, settle } from './stopped.ts';

type Tools = NonNullable<ChatHandlerOptions['tools']>;
type Sdk = Pick<typeof newest, 'AbstractChat' | 'DefaultChatTransport'>;

/** Versions of the AI SDK whose clients know `reset-step`: the first one, and the newest. */
const versions = [
  ['7.0.70', oldest as unknown as Sdk],
  ['the newest version', newest],
] as const;

/** A stock chat of a version, which counts its POSTs. `server` answers its requests: another one, once it is replaced. */
function stockClient(ai: Sdk, start: World, init: newest.ChatInit<UIMessage> = {}) {
  const client = { server: start, posts: 0, calls: [] as string[] };
  const fetch: typeof globalThis.fetch = (input, request) => {
    if (request?.method === 'POST') client.posts += 1;
    return client.server.handler(new Request(new URL(String(input), 'http://localhost'), request));
  };
  class PlainChat extends ai.AbstractChat<UIMessage> {
    constructor() {
      super({
        id: chatId,
        transport: new ai.DefaultChatTransport({ fetch }),
        onToolCall: ({ toolCall }) => void client.calls.push(toolCall.toolCallId),
        sendAutomaticallyWhen: lastAssistantMessageIsCompleteWithToolCalls,
        ...init,
        state: {
          status: 'ready' as newest.ChatStatus,
          error: undefined,
          messages: init.messages ?? [],
          pushMessage(message) {
            this.messages = [...this.messages, message];
          },
          popMessage() {
            this.messages = this.messages.slice(0, -1);
          },
          replaceMessage(index, message) {
            this.messages = this.messages.with(index, message);
          },
          snapshot: (value) => structuredClone(value),
        },
      });
    }
  }
  return Object.assign(client, { chat: new PlainChat() });
}

/** Answers with the real `streamText`. */
function answering(script: Script, effect: (what: string) => unknown = () => {}, more: object = {}) {
  return {
    tools: toolsOf(effect) as Tools,
    respond: ({ messages, messageId, beforeTool, signal, steering }: RespondInput) =>
      openRun({ script, messages, messageId, beforeTool, effect, steering, abortSignal: signal, ...more }),
  };
}

const partsOf = (message: UIMessage | undefined): unknown[] =>
  (message?.parts ?? []).map((part) => ('state' in part ? `${part.type} ${part.state}` : part.type));
const asSaved = (message: UIMessage | undefined): unknown => JSON.parse(JSON.stringify(message));

describe.each(versions)('a stock client of %s', (_, ai) => {
  it('shows one answer live and after a reload when the run is handed over, and sends nothing again', async () => {
    const effects: string[] = [];
    const one = createWorld({
      ...{ ...goesOn, toolBarrier: true, softDeadlineMs: 1, maxContinuations: 1 },
      ...answering(twoTools, async (what) => {
        effects.push(what);
        // Until the soft deadline is over.
        await new Promise((resolve) => setTimeout(resolve, 2));
      }),
    });
    const live = stockClient(ai, one);
    const sent = live.chat.sendMessage({ text: 'Book a, b, c.' });
    await until('the interruption', () => one.events.some(({ type }) => type === 'run-interrupted'));
    const reloaded = stockClient(ai, one, { messages: live.chat.messages.slice(0, 1) });
    const resumed = reloaded.chat.resumeStream();
    await Promise.all([sent, resumed]);
    const [late] = (await one.state(chatId)).messages.slice(-1);
    expect(partsOf(live.chat.lastMessage)).toEqual([
      ...['step-start', 'reasoning done', 'text done', 'tool-book output-available', 'tool-book output-available'],
      ...['step-start', 'text done', 'tool-book output-available', 'step-start', 'text done'],
    ]);
    for (const { chat, posts } of [live, reloaded]) {
      expect(asSaved(chat.lastMessage)).toEqual(late);
      expect([chat.status, posts]).toEqual(['ready', chat === live.chat ? 1 : 0]);
    }
    expect(effects.toSorted()).toEqual(['a', 'b', 'c']);
    const { runs } = await one.state(chatId);
    expect(runs).toMatchObject([{ attempt: 2, end: { reason: 'finish' } }]);
  });

  it('does not take the end of a process that hands its run over for the end of the answer', async () => {
    const one = createWorld({ ...goesOn, toolBarrier: true, tools: toolsOf(() => {}) as Tools });
    const client = stockClient(ai, one);
    const sent = client.chat.sendMessage({ text: 'Book a.' });
    const model = await one.model();
    model.push({ type: 'start' }, { type: 'start-step' });
    model.push({ type: 'tool-input-available', toolCallId: 'a', toolName: 'book', input: { what: 'a' } });
    model.push({ type: 'tool-output-available', toolCallId: 'a', output: { booked: 'a' } }, { type: 'finish-step' });
    await until('the output', () => partsOf(client.chat.lastMessage).includes('tool-book output-available'));
    await one.handler.runtime.close();
    await sent;
    expect([client.posts, client.chat.status]).toEqual([1, 'error']);
    // A reload shows the answer to its end.
    const two = createWorld({ ...goesOn, toolBarrier: true, tools: toolsOf(() => {}) as Tools, log: one.log });
    const reloaded = stockClient(ai, two, { messages: client.chat.messages.slice(0, 1) });
    const resumed = reloaded.chat.resumeStream();
    const second = await two.model();
    second.push({ type: 'start' }, { type: 'start-step' });
    second.text('Booked.');
    second.close();
    await resumed;
    expect(reloaded.chat.error).toBeUndefined();
    expect([reloaded.posts, reloaded.chat.status]).toEqual([0, 'ready']);
    expect(partsOf(reloaded.chat.lastMessage)).toContain('tool-book output-available');
  });

  it('answers a client tool whose run was killed, once, and without another call of the model in between', async () => {
    const asks: Script = (step) =>
      step === 0
        ? [...callOf('call-q', 'ask', '{"question":"who?"}'), finishWith('tool-calls')]
        : [...textOf('t', 'Thanks.'), finishWith('stop')];
    const prompts: unknown[] = [];
    const respond = answering(asks, () => {}, { onPrompt: (prompt: unknown) => prompts.push(prompt) });
    const { dead, next } = deadAndNext(respond, ({ type }) => type === 'tool-input-available');
    void (await dead.send(send)).body?.cancel();
    const world = await next();
    await ended(world, 'finish');
    expect(prompts).toHaveLength(1);
    const { messages } = await world.state(chatId);
    const client = stockClient(ai, world, { messages });
    expect(partsOf(client.chat.lastMessage)).toContain('tool-ask input-available');
    await client.chat.addToolOutput({ tool: 'ask', toolCallId: 'call-q', output: { answer: 'me' } } as never);
    await until(
      'the answer',
      () => client.chat.status === 'ready' && partsOf(client.chat.lastMessage).includes('text done'),
    );
    expect([client.posts, prompts.length]).toEqual([1, 2]);
  });
});

describe('a run that was killed', () => {
  const pays: Script = (step, prompt) =>
    prompt.some(({ role }) => role === 'tool') || step > 0
      ? [...textOf('t', 'Paid.'), finishWith('stop')]
      : [...callOf('call-p', 'pay', '{"eur":3}'), finishWith('tool-calls')];

  /** The conversation with an approval that the user has given. */
  async function approved(): Promise<UIMessage[]> {
    const world = createWorld(answering(pays, () => {}, { needsApproval: true }));
    await (await world.send(send)).text();
    const [question, asked] = (await world.state(chatId)).messages as UIMessage[];
    const parts = asked?.parts.map((part) =>
      'approval' in part && part.approval
        ? { ...part, state: 'approval-responded', approval: { ...part.approval, approved: true } }
        : part,
    );
    return [question, { ...asked, parts }] as UIMessage[];
  }

  it('in front of the mark that an approved call runs: it runs once', async () => {
    const messages = await approved();
    const effects: string[] = [];
    const respond = answering(pays, (what) => effects.push(what), { needsApproval: true });
    const { dead, next } = deadAndNext(respond, ({ type }) => type === 'tool-approval-response', 'before');
    void (await dead.send({ ...send, runId: 'r2', messages, messageId: messages[1]?.id })).body?.cancel();
    const world = await next();
    await ended(world, 'finish');
    expect(effects).toEqual(['pay-3']);
    const answer = (await world.state(chatId)).messages.at(-1) as UIMessage;
    expect(answer.parts.find((part) => 'toolCallId' in part)).toMatchObject({ state: 'output-available' });
    expect(world.events.filter(({ type }) => type === 'tool-effect-unknown')).toEqual([]);
  });

  it('behind the mark that an approved call runs: it runs no second time', async () => {
    const messages = await approved();
    const effects: string[] = [];
    const respond = answering(pays, (what) => effects.push(what), { needsApproval: true });
    const { dead, next } = deadAndNext(respond, ({ type }) => type === 'tool-approval-response');
    void (await dead.send({ ...send, runId: 'r2', messages, messageId: messages[1]?.id })).body?.cancel();
    const world = await next();
    await ended(world, 'finish');
    expect(effects).toEqual([]);
    const answer = (await world.state(chatId)).messages.at(-1) as UIMessage;
    expect(answer.parts.find((part) => 'toolCallId' in part)).toMatchObject({ state: 'output-error' });
    expect(partsOf(answer)).toContain('text done');
    const unknown = world.events.filter(({ type }) => type === 'tool-effect-unknown');
    expect(unknown).toHaveLength(1);
  });

  it('settles a steer that it shows and has not settled, and hands over the others', async () => {
    const prompts: string[] = [];
    const words: Script = (step) => [...textOf('t', `words ${step}`), finishWith('stop')];
    const onPrompt = (prompt: unknown): void => void prompts.push(JSON.stringify(prompt));
    const { dead, next, log } = deadAndNext({}, ({ type }) => type === 'steering-message');
    void (await dead.send(send)).body?.cancel();
    const model = await dead.model();
    for (const id of ['s1', 's2']) {
      const parts = [{ type: 'text', text: `steer ${id}` }];
      expect(await dead.command(chatId, { id, runId: 'r1', type: 'steer', parts })).toEqual({ outcome: 'accepted' });
    }
    model.push({ type: 'start' }, { type: 'start-step' });
    model.text('Hel');
    model.push({ type: 'text-end', id: 't' }, { type: 'finish-step' });
    model.push({ type: 'steering-message', id: 's1', parts: [{ type: 'text', text: 'steer s1' }] } as never);
    await settle(async () => (await log.state(chatId)).active?.next === 7);
    const world = await next();
    const second = await world.model();
    expect(JSON.stringify(second.input.messages)).toContain('steer s1');
    const key = { chatId, runId: 'r1' };
    await settle(async () => (await log.receipt(key, 's1')).outcome === 'delivered');
    expect(await log.receipt(key, 's2')).toEqual({ outcome: 'accepted' });
    const stream = await openRun({
      ...{ script: words, messages: second.input.messages, messageId: second.input.messageId, onPrompt },
      steering: second.input.steering,
    });
    for await (const chunk of stream) second.push(chunk);
    await settle(async () => (await log.receipt(key, 's2')).outcome === 'delivered');
    expect(prompts.at(-1)?.match(/steer s\d/g)).toEqual(['steer s1', 'steer s2']);
  });
});
