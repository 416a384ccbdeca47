import type { UIMessageChunk } from 'ai';
import fc from 'fast-check';

type Loose = Record<string, unknown> & { type: string };
const chunk = (value: Loose): UIMessageChunk => value as UIMessageChunk;

/** Drops the fields that were drawn as `undefined`: a chunk from the wire has none. */
function drawn(shape: Record<string, fc.Arbitrary<unknown>>): fc.Arbitrary<Record<string, unknown>> {
  return fc.record(shape).map((value) => {
    return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined));
  });
}

const maybe = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(arbitrary, { nil: undefined });
const json = fc.jsonValue({ maxDepth: 2 }).map((value) => JSON.parse(JSON.stringify(value)) as unknown);
const metadata = fc.dictionary(
  fc.constantFrom('a', 'b'),
  fc.dictionary(fc.constantFrom('x', 'y'), json, { maxKeys: 2 }),
  {
    maxKeys: 2,
  },
);
const words = fc.string({
  unit: fc.constantFrom('a', ' ', '"', '\\', '\n', 'é', '漢', '👩‍👩‍👧', '😀', '{', '}', '1'),
  maxLength: 12,
});

/** A text in pieces, cut between UTF-16 units: also in the middle of an emoji. */
function pieces(text: string): fc.Arbitrary<string[]> {
  return fc.array(fc.nat({ max: text.length }), { maxLength: 5 }).map((cuts) => {
    const ends = [...cuts.sort((a, b) => a - b), text.length];
    return ends.map((end, index) => text.slice(ends[index - 1] ?? 0, end));
  });
}

function text(kind: 'text' | 'reasoning', id: string): fc.Arbitrary<UIMessageChunk[]> {
  const extra = drawn({ providerMetadata: maybe(metadata) });
  const delta = drawn({
    providerMetadata: fc.option(metadata, { freq: 2, nil: undefined }),
    signature: fc.option(fc.constant('s'), { freq: 8, nil: undefined }),
  });
  const citations = maybe(fc.constant(kind === 'text' ? [{ url: 'https://example.com' }] : undefined));
  return fc
    .tuple(words.chain(pieces), extra, fc.array(delta, { minLength: 8, maxLength: 8 }), extra, citations, fc.boolean())
    .map(([parts, start, fields, end, cited, ends]) => [
      chunk({ type: `${kind}-start`, id, ...start }),
      ...parts.map((part, index) => chunk({ type: `${kind}-delta`, id, delta: part, ...fields[index] })),
      ...(ends ? [chunk({ type: `${kind}-end`, id, ...end, ...(cited && { citations: cited }) })] : []),
    ]);
}

const call = drawn({
  providerExecuted: maybe(fc.boolean()),
  providerMetadata: maybe(metadata),
  toolMetadata: maybe(metadata),
  title: maybe(fc.constantFrom('Weather', 'Wetter')),
});

const toolInput: fc.Arbitrary<unknown> = fc.oneof(
  { weight: 6, arbitrary: json },
  fc.constant(undefined),
  fc.constant('raw text'),
  fc.constant(JSON.parse('{"__proto__":{"polluted":1},"b":2}')),
  fc.constant(JSON.parse('{"constructor":{"prototype":{"polluted":1}}}')),
);

/** One tool call, from its first input to wherever it gets. */
function tool(toolCallId: string, name: string): fc.Arbitrary<UIMessageChunk[]> {
  return fc
    .record({
      dynamic: maybe(fc.boolean()),
      start: call,
      available: call,
      input: toolInput,
      streamed: fc.boolean(),
      inputEncoding: maybe(fc.constantFrom('json', 'text')),
      extra: fc.boolean(),
      approval: fc.constantFrom('none', 'none', 'requested', 'approved', 'denied'),
      request: drawn({
        approvalDescriptor: maybe(json),
        inputSchemaInput: maybe(json),
        reason: maybe(fc.constant('sure?')),
        isAutomatic: maybe(fc.boolean()),
        signature: maybe(fc.constant('sig')),
      }),
      response: drawn({ reason: maybe(fc.constant('no')), providerMetadata: maybe(metadata) }),
      outcome: fc.constantFrom('none', 'output', 'output', 'error', 'input-error', 'denied'),
      result: drawn({
        providerExecuted: maybe(fc.boolean()),
        providerMetadata: maybe(metadata),
        toolMetadata: maybe(metadata),
      }),
      outputs: fc.array(json, { minLength: 1, maxLength: 3 }),
      preliminaries: fc.array(drawn({ providerMetadata: maybe(metadata), toolMetadata: maybe(metadata) }), {
        minLength: 3,
        maxLength: 3,
      }),
      again: fc.boolean(),
    })
    .chain((draw) =>
      pieces(JSON.stringify(draw.input) ?? '').map((parts) => {
        const toolName = 'weather';
        const dynamic = draw.dynamic === undefined ? {} : { dynamic: draw.dynamic };
        const encoding = draw.inputEncoding === undefined ? {} : { inputEncoding: draw.inputEncoding };
        const input = draw.input === undefined ? {} : { input: draw.input };
        const chunks: Loose[] = [];
        if (draw.streamed) {
          const start = draw.again ? draw.available : draw.start;
          chunks.push({ type: 'tool-input-start', toolCallId, toolName, ...dynamic, ...encoding, ...start });
          for (const inputTextDelta of parts) chunks.push({ type: 'tool-input-delta', toolCallId, inputTextDelta });
        }
        if (draw.outcome === 'input-error') {
          const failed = { toolCallId, toolName, ...input, ...dynamic, errorText: 'bad input', ...draw.result };
          return [...chunks, { type: 'tool-input-error', ...failed }].map(chunk);
        }
        if (!draw.streamed || draw.outcome !== 'error' || draw.extra) {
          const extra = draw.extra ? { experimental: { x: 1 } } : {};
          chunks.push({
            type: 'tool-input-available',
            toolCallId,
            toolName,
            ...input,
            ...dynamic,
            ...draw.available,
            ...extra,
          });
        }
        if (draw.approval !== 'none') {
          const approvalId = `approval-${name}-${toolCallId}`;
          chunks.push({ type: 'tool-approval-request', approvalId, toolCallId, ...draw.request });
          if (draw.approval === 'requested') return chunks.map(chunk);
          const approved = draw.approval === 'approved';
          chunks.push({ type: 'tool-approval-response', approvalId, approved, ...draw.response });
          if (!approved) return [...chunks, { type: 'tool-output-denied', toolCallId }].map(chunk);
        }
        if (draw.outcome === 'denied') chunks.push({ type: 'tool-output-denied', toolCallId });
        if (draw.outcome === 'error') {
          chunks.push({ type: 'tool-output-error', toolCallId, errorText: 'failed', ...dynamic, ...draw.result });
        }
        if (draw.outcome === 'output') {
          draw.outputs.forEach((output, index) => {
            const last = index === draw.outputs.length - 1;
            const fields = last ? draw.result : { preliminary: true, ...draw.preliminaries[index] };
            chunks.push({ type: 'tool-output-available', toolCallId, output, ...dynamic, ...fields });
          });
        }
        return chunks.map(chunk);
      }),
    );
}

const data = drawn({
  type: fc.constantFrom('data-progress', 'data-weather'),
  id: maybe(fc.constantFrom('d1', 'd2')),
  data: maybe(json),
  transient: maybe(fc.boolean()),
  extra: maybe(fc.constant('kept')),
}).map((value) => [chunk(value as Loose)]);

const other = fc
  .oneof(
    drawn({
      type: fc.constantFrom('file', 'reasoning-file'),
      url: fc.constant('data:,x'),
      mediaType: fc.constant('text/plain'),
      providerMetadata: maybe(metadata),
    }),
    drawn({
      type: fc.constant('source-url'),
      sourceId: words,
      url: words,
      title: maybe(words),
      providerMetadata: maybe(metadata),
    }),
    drawn({
      type: fc.constant('source-document'),
      sourceId: words,
      mediaType: words,
      title: words,
      filename: maybe(words),
    }),
    drawn({ type: fc.constant('custom'), kind: fc.constant('acme.thing'), providerMetadata: maybe(metadata) }),
    drawn({ type: fc.constant('steering-message'), id: words, parts: fc.constant([{ type: 'text', text: 'faster' }]) }),
    drawn({ type: fc.constant('message-metadata'), messageMetadata: metadata }),
    drawn({ type: fc.constant('x-future'), id: fc.constant('t0'), delta: words }),
  )
  .map((value) => [chunk(value as Loose)]);

/** Merges sequences into one, in an order drawn at random that keeps each sequence's own. */
function interleaved(threads: UIMessageChunk[][]): fc.Arbitrary<UIMessageChunk[]> {
  const total = threads.reduce((sum, thread) => sum + thread.length, 0);
  return fc.array(fc.nat(), { minLength: total, maxLength: total }).map((choices) => {
    const rest = threads.map((thread) => [...thread]).filter((thread) => thread.length > 0);
    return choices.map((choice) => {
      const index = choice % rest.length;
      const next = rest[index]?.shift() as UIMessageChunk;
      if (rest[index]?.length === 0) rest.splice(index, 1);
      return next;
    });
  });
}

/** One step: parts that interleave, each with ids of its own. With `reusedIds`, the ids are those of every other step too. */
function step(name: string, reusedIds: boolean): fc.Arbitrary<{ chunks: UIMessageChunk[]; late: UIMessageChunk[] }> {
  const prefix = reusedIds ? name.slice(0, 1) : name;
  const thread = (index: number): fc.Arbitrary<UIMessageChunk[]> =>
    fc.oneof(
      text('text', `${prefix}t${index}`),
      text('reasoning', `${prefix}t${index}`),
      { weight: 3, arbitrary: tool(`${prefix}call_${index}`, name) },
      data,
      other,
    );
  return fc
    .tuple(...[0, 1, 2, 3].map((index) => thread(index)), fc.nat({ max: 4 }), fc.boolean())
    .chain((drawnStep) => {
      const [ended, late] = drawnStep.slice(-2) as [number, boolean];
      const threads = drawnStep.slice(0, 4) as UIMessageChunk[][];
      const first = threads[0] as UIMessageChunk[];
      const isTool = first[0]?.type.startsWith('tool-') && !reusedIds;
      // A tool's last chunk may come in a later step, as provider-executed tools do.
      const moved =
        late && isTool && first.length > 1 && first.at(-1)?.type.startsWith('tool-output') ? first.splice(-1) : [];
      return interleaved(threads).map((body) => ({
        chunks: [
          ...(ended === 4 && !reusedIds ? [] : [chunk({ type: 'start-step' })]),
          ...body,
          chunk({ type: ended === 0 ? 'reset-step' : 'finish-step' }),
        ],
        late: ended === 0 ? [] : moved,
      }));
    });
}

/** What a server may stream for one run, cut after any chunk: a dead writer leaves such a log. */
export function runChunks(messageId: string, name = ''): fc.Arbitrary<UIMessageChunk[]> {
  return fc
    .record({
      reusedIds: fc.boolean(),
      metadata: maybe(metadata),
      finish: drawn({ finishReason: maybe(fc.constantFrom('stop', 'tool-calls')), messageMetadata: maybe(metadata) }),
      cut: fc.option(fc.nat(), { nil: undefined, freq: 2 }),
    })
    .chain(({ reusedIds, metadata: messageMetadata, finish, cut }) =>
      fc
        .tuple(step(`${name}s1`, reusedIds), step(`${name}s2`, reusedIds), fc.boolean(), fc.boolean())
        .map(([first, second, two, startAgain]) => {
          const start = chunk({ type: 'start', messageId, ...(messageMetadata && { messageMetadata }) });
          const again = startAgain ? [chunk({ type: 'start', messageId, messageMetadata: { again: true } })] : [];
          const steps = two ? [...first.chunks, ...again, ...second.chunks] : first.chunks;
          const chunks = [start, ...steps, ...first.late, chunk({ type: 'finish', ...finish })];
          return cut === undefined ? chunks : chunks.slice(0, 1 + (cut % chunks.length));
        }),
    );
}

/** Chunks in any order under few ids: most such streams are refused somewhere. */
export const wildChunks: fc.Arbitrary<UIMessageChunk[]> = fc
  .array(
    fc
      .oneof(
        drawn({
          type: fc.constantFrom('text-start', 'text-end', 'reasoning-start', 'reasoning-end'),
          id: fc.constantFrom('a', 'b'),
        }),
        drawn({ type: fc.constantFrom('text-delta', 'reasoning-delta'), id: fc.constantFrom('a', 'b'), delta: words }),
        drawn({
          type: fc.constantFrom('tool-input-start', 'tool-input-available', 'tool-input-error'),
          toolCallId: fc.constantFrom('a', 'b'),
          toolName: fc.constantFrom('x', 'y'),
          input: json,
          dynamic: maybe(fc.boolean()),
          errorText: fc.constant('e'),
        }),
        drawn({
          type: fc.constant('tool-input-delta'),
          toolCallId: fc.constantFrom('a', 'b'),
          inputTextDelta: fc.constantFrom('{"a"', ':1', '}', '2'),
        }),
        drawn({
          type: fc.constantFrom(
            'tool-output-available',
            'tool-output-error',
            'tool-output-denied',
            'tool-approval-request',
          ),
          toolCallId: fc.constantFrom('a', 'b'),
          approvalId: fc.constantFrom('p', 'q'),
          output: json,
          preliminary: maybe(fc.boolean()),
          errorText: fc.constant('e'),
          providerMetadata: maybe(metadata),
        }),
        drawn({
          type: fc.constant('tool-approval-response'),
          approvalId: fc.constantFrom('p', 'q'),
          approved: fc.boolean(),
        }),
        drawn({ type: fc.constantFrom('start-step', 'finish-step', 'reset-step') }),
        drawn({ type: fc.constant('start'), messageId: maybe(fc.constantFrom('m1', 'm1', 'm2')) }),
        drawn({ type: fc.constant('error'), errorText: fc.constant('broken') }),
        data.map(([only]) => only as unknown as Record<string, unknown>),
      )
      .map((value) => chunk(value as Loose)),
    { maxLength: 14 },
  )
  .map((chunks) => [chunk({ type: 'start', messageId: 'm1' }), ...chunks]);
