import {
  convertToModelMessages,
  experimental_createSteering,
  isStepCount,
  readUIMessageStream,
  streamText,
  toUIMessageStream,
  type UIMessage,
} from 'ai';
import { describe, expect, test } from 'vitest';
import { countModelCalls, modelCalls } from '../server/model/model-calls.ts';
import { scriptedModel } from '../server/model/scripted-model.ts';
import { tools } from '../server/tools.ts';

interface Options {
  readonly signal?: AbortSignal;
  readonly steering?: ReturnType<typeof experimental_createSteering>;
  readonly chatId?: string;
  readonly onMessage?: (message: UIMessage) => void;
}

const user = (text: string): UIMessage => ({ id: 'u1', role: 'user', parts: [{ type: 'text', text }] });

/** Asks the model as the demo's server does; answers the folded message. */
async function ask(messages: UIMessage[], options: Options = {}): Promise<UIMessage> {
  const result = streamText({
    model: countModelCalls(scriptedModel(), options.chatId ?? 'test'),
    messages: await convertToModelMessages(messages, { tools }),
    tools,
    toolApproval: { launch: 'user-approval' },
    stopWhen: isStepCount(5),
    onError: () => undefined,
    ...(options.signal && { abortSignal: options.signal }),
    ...(options.steering && { experimental_steering: options.steering }),
  });
  const last = messages.at(-1);
  const stream = toUIMessageStream({
    stream: result.stream,
    tools,
    originalMessages: messages,
    onError: (error) => String(error),
  });
  let message: UIMessage | undefined;
  const fold = readUIMessageStream({
    stream,
    terminateOnError: false,
    onError: () => undefined,
    ...(last?.role === 'assistant' && { message: last }),
  });
  for await (message of fold) options.onMessage?.(message);
  if (!message) throw new Error('The model said nothing.');
  return message;
}

const textOf = (message: UIMessage): string =>
  message.parts.map((part) => (part.type === 'text' ? part.text : '')).join('\n');
const toolOf = (message: UIMessage): unknown => message.parts.find((part) => part.type.startsWith('tool-'));

describe('the scripted model', () => {
  test('answers any prompt, and the same prompt with the same words', async () => {
    const [first, second] = await Promise.all([ask([user('Why? /rate 5000')]), ask([user('Why? /rate 5000')])]);
    expect(textOf(first)).toContain('> Why?');
    expect(textOf(first)).toBe(textOf(second));
    expect(textOf(await ask([user(' /rate 5000')]))).not.toBe('');
  });

  test('/tokens gives exactly that many words', async () => {
    const text = textOf(await ask([user('Count /tokens 300 /rate 10000')]));
    expect(text.match(/\S+/g)).toHaveLength(300);
  });

  test.each([1, 2, 3, 4, 7, 12, 13, 40, 150, 151, 152, 500])(
    'an answer of %i words ends with a whole sentence',
    async (length) => {
      const text = textOf(await ask([user(`Count /tokens ${length} /rate 10000`)]));
      expect(text.match(/\S+/g)).toHaveLength(length);
      expect(text.trim()).toMatch(/[.!]$/);
    },
  );

  test('/table begins with a table, and an image is named', async () => {
    const message = user('Compare /table /rate 10000');
    const url = 'data:image/png;base64,iVBORw0KGgo=';
    message.parts.push({ type: 'file', mediaType: 'image/png', filename: 'cat.png', url });
    const text = textOf(await ask([message]));
    expect(text).toContain('You sent me a file: `cat.png`.');
    expect(text).toMatch(/^\| :-- \|/m);
  });

  test('/rate sets the pace', async () => {
    const tookMs = async (text: string): Promise<number> => {
      const startedAt = performance.now();
      await ask([user(text)]);
      return performance.now() - startedAt;
    };
    const slowMs = await tookMs('/tokens 40 /rate 20');
    expect(slowMs).toBeGreaterThan(1500);
    expect(await tookMs('/tokens 40 /rate 400')).toBeLessThan(slowMs / 2);
  });
  test('/reasoning thinks before it speaks', async () => {
    const message = await ask([user('/reasoning /rate 5000')]);
    expect(message.parts.map(({ type }) => type)).toEqual(['step-start', 'reasoning', 'text']);
  });

  test('/tool runs on the server, then the answer comes in a second step', async () => {
    const message = await ask([user('cats /tool /rate 5000')], { chatId: 'tool' });
    expect(toolOf(message)).toMatchObject({
      type: 'tool-lookUp',
      state: 'output-available',
      output: { topic: 'cats', letters: 4 },
    });
    expect(textOf(message)).toContain('The tool `lookUp` answered');
    expect(modelCalls('tool').calls).toBe(2);
  });

  test('/again calls the tool again after each output', async () => {
    const message = await ask([user('cats /tool /again /rate 5000')], { chatId: 'again' });
    expect(message.parts.filter(({ type }) => type === 'tool-lookUp')).toHaveLength(5);
    expect(modelCalls('again').calls).toBe(5);
  });

  test('/client-tool waits for the page, then goes on', async () => {
    const question = user('/client-tool /rate 5000');
    const waiting = await ask([question]);
    expect(toolOf(waiting)).toMatchObject({ type: 'tool-readPage', state: 'input-available' });
    const part = waiting.parts.findIndex(({ type }) => type === 'tool-readPage');
    const parts = waiting.parts.with(part, {
      ...waiting.parts[part],
      state: 'output-available',
      output: { width: 1 },
    } as never);
    expect(textOf(await ask([question, { ...waiting, parts }]))).toContain('The tool `readPage` answered');
  });

  test.each([
    [true, 'output-available', 'The tool `launch` answered'],
    [false, 'output-denied', 'You denied `launch`'],
  ])('/approval waits for a person, who says %s', async (approved, state, sentence) => {
    const question = user('moon /approval /rate 5000');
    const waiting = await ask([question]);
    expect(toolOf(waiting)).toMatchObject({ type: 'tool-launch', state: 'approval-requested' });
    const part = waiting.parts.findIndex(({ type }) => type === 'tool-launch');
    const tool = waiting.parts[part] as { approval: { id: string } };
    const answered = { ...tool, state: 'approval-responded', approval: { ...tool.approval, approved } };
    const message = await ask([question, { ...waiting, parts: waiting.parts.with(part, answered as never) }]);
    expect(toolOf(message)).toMatchObject({ state });
    expect(textOf(message)).toContain(sentence);
  });

  test('/big makes a tool output of that size', async () => {
    const message = await ask([user('/big 20kb /rate 10000')]);
    expect((toolOf(message) as { output: string }).output).toHaveLength(20_000);
    expect(textOf(message)).toContain('20000 characters');
  });

  test('/silence says nothing for that long in the middle of the answer', async () => {
    let lastAt = performance.now();
    let longestMs = 0;
    const onMessage = (): void => {
      longestMs = Math.max(longestMs, performance.now() - lastAt);
      lastAt = performance.now();
    };
    await ask([user('/silence 0.6 /rate 5000')], { onMessage });
    expect(longestMs).toBeGreaterThan(550);
  });

  test('/error fails in the middle, and keeps the text so far', async () => {
    const whole = textOf(await ask([user('same /rate 5000')]));
    const part = textOf(await ask([user('same /error /rate 5000')]));
    expect(part.length).toBeGreaterThan(10);
    expect(part.length).toBeLessThan(whole.length);
    expect(whole.startsWith(part)).toBe(true);
  });

  test('repeats a steering text in its next step', async () => {
    const steering = experimental_createSteering();
    const outcome = steering.steer('Make it about bears /rate 5000');
    const later = steering.queue('And then about bees /rate 5000');
    const message = await ask([user('Tell me /rate 5000')], { steering });
    expect(await outcome).toMatchObject({ type: 'delivered' });
    expect(await later).toMatchObject({ type: 'delivered' });
    expect(textOf(message)).toContain('> Make it about bears');
    expect(textOf(message)).toContain('> And then about bees');
  });

  test('stops at an abort, also in a silence, and is counted', async () => {
    const controller = new AbortController();
    const answer = ask([user('/silence 60 /tokens 10 /rate 5000')], {
      chatId: 'stop',
      signal: controller.signal,
      onMessage: () => modelCalls('stop').chunks > 5 && controller.abort(),
    });
    await answer;
    const calls = modelCalls('stop');
    expect(calls).toMatchObject({ calls: 1, aborted: true });
    expect(calls.chunks).toBeLessThan(14);
    expect(Date.now() - (calls.abortedAt ?? 0)).toBeLessThan(10_000);
  });

  test.each(['/silence 60 /tokens 10 /rate 5000', '/tokens 500 /rate 50'])(
    'gives up at once when it is aborted: %s',
    async (text) => {
      const controller = new AbortController();
      const { stream } = await scriptedModel().doStream({
        prompt: [{ role: 'user', content: [{ type: 'text', text }] }],
        abortSignal: controller.signal,
      });
      const read = async (): Promise<void> => {
        for await (const part of stream) if (part.type === 'text-delta') controller.abort(new Error('stopped'));
      };
      const startedAt = performance.now();
      await expect(read()).rejects.toThrow(/stopped|aborted/);
      expect(performance.now() - startedAt).toBeLessThan(5000);
    },
  );
});
