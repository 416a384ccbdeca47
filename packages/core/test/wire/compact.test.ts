import type { UIMessage, UIMessageChunk } from 'ai';
import { describe, expect, it } from 'vitest';
import { compact, replayMessage } from '../../src/wire/compact.ts';
import { foldMessage } from '../../src/wire/fold.ts';
import { cpuMs } from './cpu-time.ts';
import { canonical, chatFold, sdkFold } from './folds.ts';

const start: UIMessageChunk = { type: 'start', messageId: 'm1' };
const call = { toolCallId: 'c1', toolName: 'weather' };
const available = { type: 'tool-input-available', ...call, input: { city: 'Bern' } } as const;
const output = { type: 'tool-output-available', toolCallId: 'c1', output: 'rain' } as const;
const request = { type: 'tool-approval-request', approvalId: 'a1', toolCallId: 'c1' } as const;
const response = { type: 'tool-approval-response', approvalId: 'a1', approved: true } as const;
const denied = { type: 'tool-output-denied', toolCallId: 'c1' } as const;
const failed = { type: 'tool-output-error', toolCallId: 'c1', errorText: 'no' } as const;

function answer(tokens: number): UIMessageChunk[] {
  return [
    start,
    { type: 'start-step' },
    { type: 'text-start', id: 't' },
    ...Array.from({ length: tokens }, (_, i) => ({ type: 'text-delta' as const, id: 't', delta: `w${i} ` })),
    { type: 'text-end', id: 't' },
    { type: 'finish-step' },
    { type: 'finish' },
  ];
}

function bigInput(deltas: number): UIMessageChunk[] {
  const input = { lines: Array.from({ length: deltas }, (_, i) => `l${i}`) };
  const json = JSON.stringify(input);
  const size = Math.ceil(json.length / deltas);
  return [
    start,
    { type: 'tool-input-start', ...call },
    ...Array.from({ length: deltas }, (_, i) => {
      return {
        type: 'tool-input-delta' as const,
        toolCallId: 'c1',
        inputTextDelta: json.slice(i * size, (i + 1) * size),
      };
    }),
    { ...available, input },
    output,
  ];
}

describe('a long answer', () => {
  it('of 10,000 tokens is replayed in at most 10 chunks', async () => {
    const compacted = compact(answer(10_000));
    expect(compacted.length).toBeLessThanOrEqual(10);
    expect(canonical(await sdkFold(compacted))).toBe(canonical((await chatFold(answer(10_000))).message));
  });

  it('takes time in proportion to its length, and so does a long tool input', async () => {
    for (const make of [answer, bigInput]) {
      const [small, large] = [make(10_000), make(100_000)];
      const base = Math.max(await cpuMs(() => compact(small)), 5);
      expect(await cpuMs(() => compact(large))).toBeLessThan(40 * base);
    }
  });

  it('is folded for the server without folding each token', async () => {
    const chunks = answer(10_000);
    const eachMs = await cpuMs(() => sdkFold(chunks));
    expect(await cpuMs(() => foldMessage({ messageId: 'm1', chunks }))).toBeLessThan(eachMs / 4);
    expect(canonical(await foldMessage({ messageId: 'm1', chunks }))).toBe(canonical(await sdkFold(compact(chunks))));
  });

  it('keeps two parts that stream at the same time apart', async () => {
    const chunks: UIMessageChunk[] = [start, { type: 'text-start', id: 't' }, { type: 'reasoning-start', id: 't' }];
    for (let i = 0; i < 1000; i++) {
      chunks.push({ type: 'text-delta', id: 't', delta: `${i}` }, { type: 'reasoning-delta', id: 't', delta: `-${i}` });
    }
    expect(compact(chunks)).toHaveLength(5);
    expect(await sdkFold(compact(chunks))).toEqual(await sdkFold(chunks));
  });
});

describe('a tool call', () => {
  it('with an input in 5,000 pieces is replayed as one', () => {
    const compacted = compact(bigInput(5_000));
    expect(compacted.map((chunk) => chunk.type)).toEqual([
      'start',
      'tool-input-start',
      'tool-input-delta',
      'tool-output-available',
    ]);
  });

  it('that waits for this client runs on a page that resumes, and says its input once', async () => {
    const chunks = bigInput(100).slice(0, -1);
    expect(compact(chunks).map((chunk) => chunk.type)).toEqual(['start', 'tool-input-start', 'tool-input-available']);
    expect((await chatFold(compact(chunks))).calls).toEqual(['c1']);
  });

  it.each<[string, UIMessageChunk[]]>([
    ['answered', [available, output]],
    ['answered with a preliminary output so far', [available, { ...output, preliminary: true }]],
    ['failed', [available, failed]],
    ['denied', [available, denied]],
    ['waiting for approval', [available, request]],
    ['approved', [available, request, response]],
    ['approved and answered', [available, request, response, output]],
    ['denied by the user', [available, request, { ...response, approved: false }, denied]],
    ['dynamic and answered', [{ ...available, dynamic: true }, output]],
    ['dynamic and failed', [{ ...available, dynamic: true, title: 'W' }, failed]],
    ['of a step that was taken back', [available, { type: 'reset-step' }]],
    [
      'with text as its input',
      [{ type: 'tool-input-start', ...call, inputEncoding: 'text' }, { ...available, input: 'raw' }, output],
    ],
    ['with an input that the parser drops', [{ ...available, input: JSON.parse('{"__proto__":{"a":1}}') }, output]],
    ['with an input that reaches a prototype', [{ ...available, input: { constructor: { prototype: {} } } }, output]],
    ['without an input', [{ ...available, input: undefined }, failed]],
    ['with an input from the future', [{ ...available, citations: ['x'] } as UIMessageChunk, output]],
    ['that is answered in a later step', [available, { type: 'start-step' }, output]],
  ])('%s runs no second time on a page that resumes', async (_, rest) => {
    const chunks: UIMessageChunk[] = [start, { type: 'start-step' }, ...rest];
    const [raw, small] = [await chatFold(chunks), await chatFold(compact(chunks))];
    expect(raw.calls).toEqual(['c1']);
    expect(small.calls).toEqual([]);
    expect(canonical(small.message)).toBe(canonical(raw.message));
    expect(({} as { a?: unknown }).a).toBeUndefined();
  });

  it('does not run again when the run answers a call of the message that it continues', async () => {
    const earlier = (await sdkFold([start, { type: 'start-step' }, available])) as UIMessage;
    const chunks: UIMessageChunk[] = [start, { type: 'start-step' }, output];
    const replay = [start, ...replayMessage(earlier, chunks), ...compact(chunks)];
    const { message, calls } = await chatFold(replay, [earlier]);
    expect(calls).toEqual([]);
    expect(canonical(message)).toBe(canonical(await sdkFold(chunks, earlier)));
    expect((await chatFold([start, ...replayMessage(earlier)], [earlier])).calls).toEqual(['c1']);
  });

  it('shows only its last preliminary output', async () => {
    const outputs = Array.from({ length: 500 }, (_, i) => ({ ...output, output: i, preliminary: true }));
    const chunks = [start, available, ...outputs, output];
    expect(compact(chunks)).toHaveLength(4);
    expect(await sdkFold(compact(chunks))).toEqual(await sdkFold(chunks));
  });
});

describe('a replay of what is rare', () => {
  it.each<[string, UIMessageChunk[]]>([
    [
      'data that comes again after its step was taken back',
      [
        { type: 'data-p', id: 'd', data: 1 },
        { type: 'reset-step' },
        { type: 'file', url: 'data:,x', mediaType: 'text/plain' },
        { type: 'data-p', id: 'd', data: 2 },
      ],
    ],
    [
      'input that goes on after it was complete',
      [
        { type: 'tool-input-start', ...call },
        { type: 'tool-input-delta', toolCallId: 'c1', inputTextDelta: '{"city"' },
        available,
        { type: 'tool-input-delta', toolCallId: 'c1', inputTextDelta: ':"Thun"}' },
        output,
      ],
    ],
    [
      'a static and a dynamic call with one id',
      [available, { ...available, dynamic: true, input: { city: 'Thun' } }, output, failed],
    ],
    [
      'a call id that each step uses again',
      [
        available,
        output,
        { type: 'start-step' },
        { ...available, input: { city: 'Thun' } },
        { ...output, output: 'sun' },
      ],
    ],
  ])('shows %s as the live page did', async (_, rest) => {
    const chunks: UIMessageChunk[] = [start, { type: 'start-step' }, ...rest];
    const [raw, small] = [await chatFold(chunks), await chatFold(compact(chunks))];
    expect(raw.failed).toBe(false);
    expect(canonical(small.message)).toBe(canonical(raw.message));
  });

  it('shows nothing that came behind a chunk at which the live page stopped', async () => {
    const chunks: UIMessageChunk[] = [...answer(2).slice(0, 5), output, { type: 'text-delta', id: 't', delta: 'late' }];
    const [raw, small] = [await chatFold(chunks), await chatFold(compact(chunks))];
    expect([raw.failed, small.failed]).toEqual([true, true]);
    expect(small.message?.parts.at(-1)).toMatchObject({ text: 'w0 w1 ' });
    expect(canonical(small.message)).toBe(canonical(raw.message));
  });
});

describe('what a replay keeps and leaves out', () => {
  it('leaves out transient data and all but the last value of a data part, at the first one’s place', async () => {
    const chunks: UIMessageChunk[] = [
      start,
      { type: 'data-progress', id: 'p', data: 1 },
      { type: 'data-log', data: 'x', transient: true },
      { type: 'file', url: 'data:,x', mediaType: 'text/plain' },
      { type: 'data-progress', id: 'p', data: 2 },
    ];
    expect(compact(chunks)).toEqual([start, { type: 'data-progress', id: 'p', data: 2 }, chunks[3]]);
    expect(await sdkFold(compact(chunks))).toEqual(await sdkFold(chunks));
  });

  it('keeps chunks and fields that it does not know', () => {
    const future = [
      { type: 'x-future', nested: { a: 1 } },
      { type: 'steering-message', id: 's', parts: [{ type: 'text', text: 'go' }], by: 'u' },
      { type: 'custom', kind: 'a.b', extra: 1 },
      { type: 'reasoning-file', url: 'data:,x', mediaType: 'text/plain', signature: 's' },
      { type: 'text-start', id: 't' },
      { type: 'text-delta', id: 't', delta: 'a', signature: 's' },
      { type: 'text-delta', id: 't', delta: 'b' },
    ] as unknown as UIMessageChunk[];
    expect(compact(future)).toEqual(future);
  });

  it('gives a page every part that chunks can say, and keeps the message as it was', async () => {
    const message: UIMessage = {
      id: 'm1',
      role: 'assistant',
      metadata: { model: 'x' },
      parts: [
        { type: 'step-start' },
        { type: 'text', text: 'Hi', state: 'done', citations: [{ url: 'https://example.com' }] as never },
        { type: 'reasoning', id: 'r', text: 'hm', state: 'streaming', providerMetadata: { p: { signature: 's' } } },
        { type: 'file', mediaType: 'image/png', url: 'data:,x', filename: 'lost.png' },
        { type: 'data-x', id: 'd', data: { a: 1 } },
        { type: 'data-y', data: null },
        { type: 'tool-a', toolCallId: '1', state: 'output-error', input: { a: 1 }, errorText: 'e' },
        { type: 'tool-a', toolCallId: '2', state: 'input-streaming', input: { a: 1 }, rawInput: '{"a":1' },
        { type: 'app-part', own: true } as never,
      ],
    };
    const before = JSON.stringify(message);
    const { message: shown } = await chatFold([
      { type: 'start', messageId: 'm1', messageMetadata: message.metadata },
      ...replayMessage(message),
    ]);
    const expected = { ...message, parts: message.parts.slice(0, -1).map((part) => ({ ...part })) };
    delete (expected.parts[3] as { filename?: string }).filename;
    expect(canonical(shown)).toBe(canonical(expected));
    expect(JSON.stringify(message)).toBe(before);
  });
});

describe('foldMessage', () => {
  it('keeps the partial answer of a run that failed, and nothing behind the error', async () => {
    const chunks: UIMessageChunk[] = [
      ...answer(3).slice(0, 5),
      { type: 'error', errorText: 'overloaded' },
      { type: 'text-delta', id: 't', delta: 'never' },
    ];
    const message = await foldMessage({ messageId: 'm1', chunks });
    expect(message.parts.at(-1)).toMatchObject({ type: 'text', text: 'w0 w1 ', state: 'streaming' });
  });

  it('reads chunks as they come from a log, and is empty for a run without any', async () => {
    async function* log(): AsyncGenerator<UIMessageChunk> {
      yield* answer(2);
    }
    const message = await foldMessage({ messageId: 'm1', chunks: log() });
    expect(message).toMatchObject({ id: 'm1', role: 'assistant', parts: [{}, { text: 'w0 w1 ' }] });
    expect(await foldMessage({ messageId: 'm2', chunks: [] })).toMatchObject({
      id: 'm2',
      role: 'assistant',
      parts: [],
    });
  });

  it('leaves the log’s own chunks as they are', async () => {
    const chunks: UIMessageChunk[] = [
      start,
      { type: 'start-step' },
      { type: 'data-p', id: 'd', data: { n: 1 } },
      { type: 'start-step' },
      { type: 'data-p', id: 'd', data: { n: 2 } },
    ];
    const before = structuredClone(chunks);
    const message = await foldMessage({ messageId: 'm1', chunks });
    (message.parts[1] as { data: { n: number } }).data.n = 3;
    expect(chunks).toEqual(before);
  });
});
