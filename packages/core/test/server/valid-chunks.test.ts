import type { UIMessage, UIMessageChunk } from 'ai';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mergeNeighbours } from '../../src/wire/delta.ts';
import { SchemaWorker, zods } from '../support/zods.ts';
import { runChunks } from '../wire/streams.ts';
import { type Answer, createWorld, ended, SseReader, user, type World } from './support.ts';

const call = { toolCallId: 't', toolName: 'pay' };
const available = { type: 'tool-input-available', ...call, input: { a: 1 } } as const;
const request = { type: 'tool-approval-request', approvalId: 'ap', toolCallId: 't' } as const;

/** A run of these chunks, whole, read in each way there is. */
async function served(world: World, chunks: readonly UIMessageChunk[]): Promise<UIMessageChunk[]> {
  const response = await world.send({ id: 'c', runId: 'r', messages: [user('u1', 'q')] });
  const model = await world.model();
  model.push(...chunks);
  model.close();
  const own = new SseReader(response);
  await own.closed;
  const readers = [own];
  const positions = own.events.flatMap(({ id }) => (id ? [Number(id.split(':')[1])] : []));
  const paths = [
    '/c/stream?recent=60000',
    '/c/stream?run=r&replay=1',
    ...positions.map((at) => `/c/stream?run=r&from=${at}`),
  ];
  for (const path of paths) {
    const reader = new SseReader(await world.fetch(path));
    await reader.closed;
    readers.push(reader);
  }
  return readers.flatMap((reader) => reader.chunks);
}

describe.each(zods)('what the AI SDK takes under %s', (zod) => {
  let schema: SchemaWorker;
  beforeAll(async () => {
    schema = await SchemaWorker.start(zod);
  });
  afterAll(() => schema.stop());

  it('is refused where it must be: the schema of this release is asked', async () => {
    const bad = { type: 'source-url', sourceId: 's' } as unknown as UIMessageChunk;
    expect(await schema.refused({ chunks: [bad, { type: 'abort' }] })).toEqual([bad]);
  });

  it.each<[string, UIMessageChunk[]]>([
    ['failed', [available, { type: 'tool-output-error', toolCallId: 't', errorText: 'no' }]],
    ['waits for approval', [available, request]],
    [
      'was denied',
      [
        available,
        request,
        { type: 'tool-approval-response', approvalId: 'ap', approved: false },
        { type: 'tool-output-denied', toolCallId: 't' },
      ],
    ],
    [
      'was approved and failed',
      [
        available,
        request,
        { type: 'tool-approval-response', approvalId: 'ap', approved: true },
        { type: 'tool-output-error', toolCallId: 't', errorText: 'no' },
      ],
    ],
    ['has an output of nothing', [available, { type: 'tool-output-available', toolCallId: 't', output: undefined }]],
    [
      'has an input of nothing',
      [
        { ...available, input: undefined },
        { type: 'tool-output-available', toolCallId: 't', output: 1 },
      ],
    ],
  ])('is served of a tool call that %s, and kept as a message that can be sent', async (_what, chunks) => {
    const world = createWorld();
    const all = await served(world, chunks);
    expect(await schema.refused({ chunks: all })).toEqual([]);
    expect(all.map(({ type }) => type)).not.toContain('error');
    const { messages } = await world.state('c');
    expect(await schema.refused({ messages })).toEqual([]);
    const next = await world.send({ id: 'c', messages: [...messages, user('u2', 'q2')] });
    expect(next.status).toBe(200);
    await next.body?.cancel();
  });

  it('is served of any run, from every boundary', async () => {
    await fc.assert(
      fc.asyncProperty(runChunks('m1'), async (chunks) => {
        const world = createWorld();
        // Types that the AI SDK does not know pass, and are stock clients' to refuse.
        const known = chunks.filter(({ type }) => !(type as string).startsWith('x-'));
        expect(await schema.refused({ chunks: await served(world, mergeNeighbours(known)) })).toEqual([]);
      }),
      { numRuns: 15 },
    );
  });
});

describe('a chunk that clients would refuse', () => {
  it.each<[string, unknown]>([
    ['source-url', { type: 'source-url', sourceId: 's' }],
    ['text-delta', { type: 'text-delta', id: 't' }],
    ['tool-output-available', { type: 'tool-output-available', output: 1 }],
    ['tool-input-available', { ...available, providerExecuted: 'yes' }],
    ['data-progress', { type: 'data-progress', data: 1, transient: 'yes' }],
    ['file', { type: 'file', url: 1n, mediaType: 'x' }],
  ])('(%s) ends the run as an error that names it, and the chat goes on', async (type, chunk) => {
    const world = createWorld();
    await (await world.send({ id: 'c', messages: [user('u1', 'q')] })).body?.cancel();
    const model = await world.model();
    model.push(
      { type: 'text-start', id: 't' },
      { type: 'text-delta', id: 't', delta: 'so far' },
      chunk as UIMessageChunk,
    );
    await ended(world, 'error');
    const failed = world.events.find((event) => event.type === 'respond-failed') as Answer;
    expect(failed.error).toMatchObject({ code: 'protocol', message: expect.stringContaining(`"${type}"`) });
    const { messages } = (await world.state('c')) as { messages: UIMessage[] };
    expect(messages[1]?.parts).toMatchObject([{ type: 'text', text: 'so far' }]);
    const next = await world.send({ id: 'c', messages: [...messages, user('u2', 'q2')] });
    expect(next.status).toBe(200);
    await next.body?.cancel();
  });

  it('passes where the AI SDK does not know its type at all: it may be newer than this server', async () => {
    const world = createWorld();
    const newer = { type: 'from-the-future', value: [1] } as unknown as UIMessageChunk;
    const response = await world.send({ id: 'c', messages: [user('u1', 'q')] });
    const model = await world.model();
    model.push(newer);
    model.close();
    const reader = new SseReader(response);
    await reader.closed;
    expect(reader.chunks).toContainEqual(newer);
  });
});
