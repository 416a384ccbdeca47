import { memoryLog } from '@chat-transport/core/memory';
import { convertToModelMessages, streamText, type UIMessage, type UIMessageChunk } from 'ai';
import { MockLanguageModelV4, simulateReadableStream } from 'ai/test';
import { describe, expect, it } from 'vitest';
import { unfinishedToolText } from '../../src/wire/unfinished-calls.ts';
import { createWorld, ended, heldDeadline, SseReader, until, user, type World } from './support.ts';

const asJson = { headers: { accept: 'application/json' } };
const opening: UIMessageChunk[] = [
  { type: 'start-step' },
  { type: 'tool-input-available', toolCallId: 'done', toolName: 'look', input: {} },
  { type: 'tool-output-available', toolCallId: 'done', output: 1 },
  { type: 'tool-input-available', toolCallId: 'open', toolName: 'look', input: { a: 1 } },
  { type: 'tool-input-start', toolCallId: 'half', toolName: 'look' },
  { type: 'tool-input-delta', toolCallId: 'half', inputTextDelta: '{"a":' },
];

/** Whether a model takes the conversation, as `streamText` checks it. */
async function modelTakes(messages: readonly UIMessage[]): Promise<unknown> {
  const errors: unknown[] = [];
  const model = new MockLanguageModelV4({
    doStream: async () => ({
      stream: simulateReadableStream({
        chunks: [
          { type: 'stream-start', warnings: [] },
          {
            type: 'finish',
            finishReason: { unified: 'stop', raw: undefined },
            usage: {
              inputTokens: { total: 1, noCache: 1, cacheRead: 0, cacheWrite: 0 },
              outputTokens: { total: 1, text: 1, reasoning: 0 },
            },
          },
        ],
      }),
    }),
  });
  const result = streamText({
    model,
    messages: await convertToModelMessages([...messages, user('next', 'go on')]),
    onError: ({ error }) => void errors.push(error),
  });
  for await (const _ of result.fullStream);
  return errors[0];
}

const statesOf = (message: UIMessage | undefined) =>
  (message?.parts ?? []).flatMap((part) =>
    'toolCallId' in part ? [[part.toolCallId, part.state, 'errorText' in part ? part.errorText : undefined]] : [],
  );

const deadline = heldDeadline();

const ways: readonly [string, string, (world: World, fail: () => void) => unknown, object][] = [
  ['cancel', unfinishedToolText, (world) => world.command('c', { id: 'x', runId: 'r', type: 'cancel' }), {}],
  ['error', 'cut', (_world, fail) => fail(), {}],
  ['deadline', 'cut', () => deadline.pass(), deadline.options],
];

describe.each(ways)('a run that ends by %s while tools work', (reason, text, end, options) => {
  it('leaves a message that every device shows alike and a model takes', async () => {
    const world = createWorld({ unfinishedToolText: 'cut', ...options });
    const own = new SseReader(await world.send({ id: 'c', runId: 'r', messages: [user('u1', 'q')] }));
    const live = new SseReader(await world.fetch('/c/stream'));
    const model = await world.model();
    model.push(...opening);
    await until('the calls', () => own.text.includes('inputTextDelta') && live.text.includes('inputTextDelta'));
    await end(world, () => model.fail(new Error('down')));
    await ended(world, reason as 'cancel');
    await Promise.all([own.closed, live.closed]);
    const closed = [
      ['done', 'output-available', undefined],
      ['open', 'output-error', text],
      ['half', 'output-error', text],
    ];
    const { messages } = await world.state('c');
    expect(statesOf(messages[1])).toEqual(closed);
    await until('onFinish', () => world.finished.length > 0);
    expect(statesOf(world.finished.at(-1)?.messages[1])).toEqual(closed);
    const late = new SseReader(await world.fetch('/c/stream?recent=60000'));
    await late.closed;
    for (const reader of [own, live, late]) {
      const errors = reader.chunks.filter((chunk) => chunk.type === 'tool-output-error');
      expect(errors.map((chunk) => [chunk.toolCallId, chunk.errorText])).toEqual([
        ['open', text],
        ['half', text],
      ]);
    }
    expect(await modelTakes(messages)).toBeUndefined();
    await world.send({ id: 'c', message: user('u2', 'q2'), baseTurn: 1 }, asJson);
    expect(statesOf((await world.model(2)).input.messages[1])).toEqual(closed);
  });
});

describe('a run that is lost while tools work', () => {
  it('leaves the same message, whoever reads it', async () => {
    let now = 1_000_000;
    const log = memoryLog({ now: () => now });
    const dead = createWorld({ log, leaseMs: 1000, renewEveryMs: 1_000_000 });
    const own = new SseReader(await dead.send({ id: 'c', runId: 'r', messages: [user('u1', 'q')] }));
    const model = await dead.model();
    model.push(...opening);
    await until('the calls', () => own.text.includes('inputTextDelta'));
    now += 5000;
    const world = createWorld({ log });
    const { messages } = await world.state('c');
    expect(statesOf(messages[1]).map(([, state]) => state)).toEqual([
      'output-available',
      'output-error',
      'output-error',
    ]);
    expect(await modelTakes(messages)).toBeUndefined();
    await own.cancel();
  });
});

describe('a run that finishes', () => {
  it('leaves open what waits for a client or for a user', async () => {
    const world = createWorld();
    await (await world.send({ id: 'c', messages: [user('u1', 'q')] })).body?.cancel();
    const model = await world.model();
    model.push(
      { type: 'tool-input-available', toolCallId: 'client', toolName: 'where', input: {} },
      { type: 'tool-input-available', toolCallId: 'pay', toolName: 'pay', input: {} },
      { type: 'tool-approval-request', approvalId: 'ap', toolCallId: 'pay' },
    );
    model.close();
    await ended(world, 'finish');
    const { messages } = await world.state('c');
    expect(statesOf(messages[1]).map(([, state]) => state)).toEqual(['input-available', 'approval-requested']);
  });

  it('has nothing to close of a step that was taken back', async () => {
    const world = createWorld();
    await (await world.send({ id: 'c', messages: [user('u1', 'q')] })).body?.cancel();
    const model = await world.model();
    model.push(...opening, { type: 'reset-step' });
    model.fail(new Error('down'));
    await ended(world, 'error');
    const { messages } = await world.state('c');
    expect(statesOf(messages[1])).toEqual([]);
  });
});
