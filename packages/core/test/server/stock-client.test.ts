import { lastAssistantMessageIsCompleteWithToolCalls, type UIMessage } from 'ai';
import { describe, expect, it } from 'vitest';
import { createWorld, ended, stockChat, textOf, until } from './support.ts';

/** What a user sees, without the ids. */
function view(messages: readonly UIMessage[]): string[] {
  return messages.map((message) => `${message.role}: ${textOf(message)}`);
}

describe('an unmodified useChat client', () => {
  it('gets the answer while it is written', async () => {
    const world = createWorld();
    const chat = stockChat(world, 'c');
    const sent = chat.sendMessage({ text: 'hi' });
    const model = await world.model();
    model.text('hel');
    await until(
      'the first words',
      () => textOf(chat.lastMessage) === 'hel',
      () => chat.messages,
    );
    // A merged second stream has an id of its own; the run's message has one.
    model.push({ type: 'start', messageId: 'not-ours' });
    model.text('lo');
    model.close();
    await sent;
    expect(chat.status).toBe('ready');
    expect(view(chat.messages)).toEqual(['user: hi', 'assistant: hello']);
    expect(world.finished).toEqual([
      {
        chatId: 'c',
        runId: expect.any(String),
        turn: 1,
        outcome: 'finish',
        attempt: 1,
        messages: chat.messages,
        watchers: 1,
      },
    ]);
    expect((await world.state('c')).messages).toEqual(JSON.parse(JSON.stringify(chat.messages)));
  });

  it('resumes after a reload with the identical message, and gets nothing when no run is active', async () => {
    const world = createWorld();
    const first = stockChat(world, 'c');
    const sent = first.sendMessage({ text: 'hi' });
    const model = await world.model();
    model.text('one ');
    model.text('two ');
    await until('the words', () => textOf(first.lastMessage) === 'one two ');
    await first.stop();
    await sent;

    const second = stockChat(world, 'c', { messages: first.messages.slice(0, 1) });
    const resumed = second.resumeStream();
    await until(
      'the replay',
      () => textOf(second.lastMessage) === 'one two ',
      () => second.messages,
    );
    model.text('three');
    model.close();
    await resumed;
    expect(second.messages).toEqual(world.finished[0]?.messages);
    expect(view(second.messages)).toEqual(['user: hi', 'assistant: one two three']);

    await second.resumeStream();
    expect(second.status).toBe('ready');
    const response = await world.fetch('/c/stream');
    expect([response.status, response.headers.get('x-chat-turn')]).toEqual([204, '1']);
  });

  it('detaches when it stops or goes away, and the run goes on', async () => {
    const world = createWorld();
    const chat = stockChat(world, 'c');
    const sent = chat.sendMessage({ text: 'hi' });
    const model = await world.model();
    model.text('start');
    await until('the first word', () => textOf(chat.lastMessage) === 'start');
    await chat.stop();
    await sent;
    model.text(' and end');
    model.close();
    await ended(world, 'finish');
    expect(model.left).toBe(false);
    expect(view(world.finished[0]?.messages ?? [])).toEqual(['user: hi', 'assistant: start and end']);
  });

  it('regenerates, and edits an earlier message', async () => {
    const world = createWorld();
    const chat = stockChat(world, 'c');
    const answer = async (count: number, text: string) => {
      const model = await world.model(count);
      model.text(text);
      model.close();
    };
    await Promise.all([chat.sendMessage({ text: 'q1' }), answer(1, 'a1')]);
    await Promise.all([chat.regenerate(), answer(2, 'a1 again')]);
    expect(view(chat.messages)).toEqual(['user: q1', 'assistant: a1 again']);
    const [, second] = (await world.log.state('c')).runs;
    expect(second?.start).toMatchObject({ trigger: 'regenerate-message', before: chat.messages[0]?.id, tail: [] });

    await Promise.all([chat.sendMessage({ text: 'q2' }), answer(3, 'a2')]);
    await Promise.all([
      chat.sendMessage({ text: 'q1 edited', messageId: chat.messages[0]?.id ?? '' }),
      answer(4, 'a3'),
    ]);
    expect(view(chat.messages)).toEqual(['user: q1 edited', 'assistant: a3']);
    expect((await world.state('c')).messages).toEqual(JSON.parse(JSON.stringify(chat.messages)));
  });

  it('continues its message with a tool output, and resumes with the earlier parts', async () => {
    const world = createWorld();
    const chat = stockChat(world, 'c', {
      sendAutomaticallyWhen: lastAssistantMessageIsCompleteWithToolCalls,
      onToolCall: ({ toolCall }) =>
        void chat.addToolOutput({
          tool: toolCall.toolName as never,
          toolCallId: toolCall.toolCallId,
          output: 'sunny' as never,
        }),
    });
    const sent = chat.sendMessage({ text: 'weather?' });
    const first = await world.model();
    first.push(
      { type: 'start', messageId: 'not-ours' },
      { type: 'start-step' },
      { type: 'tool-input-available', toolCallId: 'call.1:0', toolName: 'weather', input: { city: 'Rome' } },
      { type: 'finish-step' },
    );
    first.close();
    const second = await world.model(2);
    second.push({ type: 'start-step' });
    second.text('It is ');
    await until(
      'the second answer',
      () => textOf(chat.lastMessage).endsWith('It is '),
      () => chat.messages,
    );

    // Another page of the same user reloads: it must see the tool call of the first run, and not run the tool.
    const calls: string[] = [];
    const other = stockChat(world, 'c', {
      messages: chat.messages.slice(0, 1),
      onToolCall: ({ toolCall }) => void calls.push(toolCall.toolCallId),
    });
    const resumed = other.resumeStream();
    await until(
      'the replay',
      () => textOf(other.lastMessage).endsWith('It is '),
      () => other.messages,
    );
    second.text('sunny.');
    second.close();
    await Promise.all([sent, resumed]);

    expect(view(chat.messages)[1]).toBe('assistant: [step-start][tool-weather][step-start]It is sunny.');
    expect(JSON.parse(JSON.stringify(other.messages))).toEqual(JSON.parse(JSON.stringify(chat.messages)));
    expect(calls).toEqual([]);
    const { runs } = await world.log.state('c');
    expect(runs.map(({ start }) => start.messageId)).toEqual([chat.lastMessage?.id, chat.lastMessage?.id]);
    expect(runs[1]?.start).toMatchObject({ before: chat.messages[0]?.id, tail: [{ role: 'assistant' }] });
    expect(world.finished[1]?.messages).toEqual(world.finished[1]?.messages.slice(0, 2));
    expect(JSON.parse(JSON.stringify(world.finished[1]?.messages))).toEqual(JSON.parse(JSON.stringify(chat.messages)));
  });

  it('sees a cancel as an abort and a failure as an error', async () => {
    const world = createWorld({ onError: (error) => `failed: ${(error as Error).message}` });
    const chat = stockChat(world, 'c');
    const sent = chat.sendMessage({ text: 'hi' });
    const model = await world.model();
    model.text('part');
    await until('the first word', () => textOf(chat.lastMessage) === 'part');
    const { active } = await world.state('c');
    await world.command('c', { id: 's1', runId: active.runId, type: 'cancel' });
    await sent;
    expect([chat.status, view(chat.messages)]).toEqual(['ready', ['user: hi', 'assistant: part']]);

    const failing = chat.sendMessage({ text: 'again' });
    const second = await world.model(2);
    second.text('half');
    await until('the half', () => textOf(chat.lastMessage) === 'half');
    second.fail(new Error('no tokens left'));
    await failing;
    expect([chat.status, chat.error?.message]).toEqual(['error', 'failed: no tokens left']);
    await ended(world, 'error');
    expect(world.finished.map(({ outcome }) => outcome)).toEqual(['cancel', 'error']);
  });

  it('may go on after an answer that was cut before its first word', async () => {
    const world = createWorld();
    const chat = stockChat(world, 'c');
    const sent = chat.sendMessage({ text: 'hi' });
    const model = await world.model();
    model.push({ type: 'start' });
    await until(
      'the empty answer',
      () => chat.messages.length === 2,
      () => chat.messages,
    );
    const { active } = await world.state('c');
    await world.command('c', { id: 's1', runId: active.runId, type: 'cancel' });
    await sent;
    const next = chat.sendMessage({ text: 'once more' });
    const second = await world.model(2);
    second.text('ok');
    second.close();
    await next;
    expect(view(chat.messages)).toEqual(['user: hi', 'assistant: ', 'user: once more', 'assistant: ok']);
  });
});
