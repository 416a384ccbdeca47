import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ChatTransportError } from '../../src/errors.ts';
import { endReasons, type Frame } from '../../src/wire/frame.ts';
import {
  decodeFrame,
  encodeForLimit,
  encodeFrame,
  frameBytes,
  pointerFrame,
  UnknownFrame,
} from '../../src/wire/frame-codec.ts';
import { formatSseId, parseSseId } from '../../src/wire/sse-id.ts';

const base = { v: 1, run: 'r-1', turn: 7 } as const;
const tail = [{ id: 'u1', role: 'user' as const, parts: [{ type: 'text' as const, text: 'hi' }] }];
const start: Frame = {
  ...base,
  start: { trigger: 'submit-message', from: 'c1', messageId: 'm1', before: null, tail },
};
const chunks: Frame = {
  ...base,
  at: 3,
  next: 5,
  chunks: [
    { type: 'text-delta', id: 't', delta: 'a' },
    { type: 'text-end', id: 't' },
  ],
};

const packed = { ...base, at: 3, next: 6, packed: [{ type: 'start-step' }, ['text-delta', 't', 'a', 'b']] };

const id = fc.stringMatching(/^[A-Za-z0-9_-]{1,20}$/);
const typed = fc
  .record({ type: fc.string(), extra: fc.jsonValue() })
  .map((value) => JSON.parse(JSON.stringify(value)) as never);
/** Deltas that may share an entry, that look as if, and anything else. */
const partId = fc.constantFrom('a', 'b');
const wireChunk = fc
  .oneof(
    typed,
    fc.record({ type: fc.constantFrom('text-delta', 'reasoning-delta'), id: partId, delta: fc.string() }),
    fc.record({ type: fc.constant('tool-input-delta'), toolCallId: partId, inputTextDelta: fc.string() }),
    fc.record({ type: fc.constant('text-delta'), id: partId, delta: fc.string(), providerMetadata: fc.object() }),
    fc.record({ type: fc.constant('text-delta'), id: fc.jsonValue(), delta: fc.jsonValue() }),
    fc.record({ type: fc.constant('tool-input-delta'), id: partId, delta: fc.string() }),
  )
  .map((value) => JSON.parse(JSON.stringify(value)) as never);
const anyBase = fc.record({ v: fc.constant(1 as const), run: id, turn: fc.integer({ min: 1 }) });
const offset = fc.nat({ max: 1e9 });
const message = fc.record({
  id: fc.string(),
  role: fc.constantFrom('system', 'user', 'assistant'),
  parts: fc.array(typed, { maxLength: 3 }),
});
const runStart = fc.record({
  trigger: fc.constantFrom('submit-message', 'regenerate-message'),
  from: fc.oneof(fc.constant(''), id),
  messageId: fc.string(),
});
const anyFrame = fc.oneof(
  fc
    .record({
      base: anyBase,
      start: runStart,
      before: fc.option(fc.string()),
      tail: fc.array(message, { maxLength: 3 }),
    })
    .map((f) => ({ ...f.base, start: { ...f.start, before: f.before, tail: f.tail } })),
  fc.record({ base: anyBase, start: runStart }).map((f) => ({ ...f.base, start: f.start })),
  fc.record({ base: anyBase, at: offset, chunks: fc.array(wireChunk, { minLength: 1, maxLength: 12 }) }).map((f) => {
    return { ...f.base, at: f.at, next: f.at + f.chunks.length, chunks: f.chunks };
  }),
  fc
    .record({ base: anyBase, next: fc.integer({ min: 1 }), chunks: fc.array(typed, { minLength: 1, maxLength: 5 }) })
    .map((f) => {
      return { ...f.base, snapshot: true, at: 0, next: f.next, chunks: f.chunks };
    }),
  fc.record({ base: anyBase, at: offset }).map((f) => ({ ...f.base, at: f.at, next: f.at + 1 })),
  fc.record({ base: anyBase, at: offset, reason: fc.constantFrom(...endReasons) }).map((f) => {
    return { ...f.base, at: f.at, end: { reason: f.reason } };
  }),
) as unknown as fc.Arbitrary<Frame>;

describe('a frame', () => {
  it('arrives as it was sent', () => {
    fc.assert(
      fc.property(anyFrame, (frame) => {
        expect(decodeFrame(encodeFrame(frame))).toEqual(frame);
      }),
      { numRuns: 500 },
    );
  });

  it.each([
    ['text that is not JSON', '{"v":1'],
    ['a list', '[]'],
    ['null', 'null'],
    ['no version', { ...chunks, v: undefined }],
    ['a run that is no id', { ...chunks, run: 'a b' }],
    ['turn 0', { ...chunks, turn: 0 }],
    ['half a turn', { ...chunks, turn: 1.5 }],
    ['a negative offset', { ...chunks, at: -1, next: 1 }],
    ['an offset beyond what numbers can count', { ...base, at: 0, next: 2 ** 53 }],
    ['no progress', { ...base, at: 3, next: 3 }],
    ['too few chunks', { ...chunks, next: 6 }],
    ['too many chunks', { ...chunks, next: 4 }],
    ['chunks without a type', { ...chunks, chunks: [{ type: 'a' }, { id: 'b' }] }],
    ['chunks that are no list', { ...chunks, chunks: { length: 2 } }],
    ['a snapshot in the middle', { ...chunks, snapshot: true }],
    ['a snapshot that says no', { ...chunks, at: 0, next: 2, snapshot: false }],
    ['an empty snapshot', { ...base, snapshot: true, at: 0, next: 2, chunks: [] }],
    ['too few packed deltas', { ...packed, next: 7 }],
    ['too many packed deltas', { ...packed, next: 5 }],
    ['packed entries that are no list', { ...packed, packed: { length: 3 } }],
    ['no packed entries', { ...packed, packed: [] }],
    ['packed deltas of an unknown type', { ...packed, packed: [['text-end', 't', 'a', 'b', 'c']] }],
    ['packed deltas of a type that every object has', { ...packed, packed: [['constructor', 't', 'a', 'b', 'c']] }],
    ['packed deltas without an id', { ...packed, packed: [['text-delta', 1, 'a', 'b', 'c']] }],
    ['a packed delta that is no text', { ...packed, packed: [['text-delta', 't', 'a', 2, 'c']] }],
    ['a packed entry of one delta', { ...packed, next: 4, packed: [['text-delta', 't', 'a']] }],
    ['an empty packed entry', { ...packed, next: 4, packed: [[], { type: 'start-step' }] }],
    ['a packed list in a list', { ...packed, packed: [[['text-delta', 't', 'a', 'b', 'c']]] }],
    ['a packed chunk without a type', { ...packed, packed: [{}, ['text-delta', 't', 'a', 'b']] }],
    ['a packed frame without offsets', { ...packed, at: undefined }],
    ['an end for an unknown reason', { ...base, at: 3, end: { reason: 'bored' } }],
    ['an end without an offset', { ...base, end: { reason: 'finish' } }],
    ['an unknown trigger', { ...base, start: { ...start.start, trigger: 'x' } }],
    ['a sender that is no id', { ...base, start: { ...start.start, from: 'a b' } }],
    ['a start with before but no tail', { ...base, start: { ...start.start, tail: undefined } }],
    ['a start with tail but no before', { ...base, start: { ...start.start, before: undefined } }],
    ['a tail message without parts', { ...base, start: { ...start.start, tail: [{ id: 'u1', role: 'user' }] } }],
    ['a tail message of another role', { ...base, start: { ...start.start, tail: [{ ...tail[0], role: 'tool' }] } }],
    ['a prototype instead of fields', '{"__proto__":{"v":1,"run":"r","turn":1,"at":0,"next":1}}'],
  ])('is refused with %s', (_, frame) => {
    const text = typeof frame === 'string' ? frame : JSON.stringify(frame);
    expect(() => decodeFrame(text)).toThrowError(expect.objectContaining({ code: 'protocol' }));
  });

  it('shares one entry among adjacent deltas of one part, and each keeps its offset', () => {
    const deltas = ['a', 'b', 'c'].map((delta) => ({ type: 'text-delta' as const, id: 't', delta }));
    const other = { type: 'tool-input-delta' as const, toolCallId: 'c', inputTextDelta: '{' };
    const frame: Frame = {
      ...base,
      at: 3,
      next: 10,
      chunks: [...deltas, { ...deltas[0], id: 'u' } as never, other, other, { type: 'start-step' }],
    };
    const text = encodeFrame(frame);
    expect(JSON.parse(text)).toEqual({
      ...base,
      at: 3,
      next: 10,
      packed: [
        ['text-delta', 't', 'a', 'b', 'c'],
        { type: 'text-delta', id: 'u', delta: 'a' },
        ['tool-input-delta', 'c', '{', '{'],
        { type: 'start-step' },
      ],
    });
    expect(decodeFrame(text)).toEqual(frame);
  });

  it('is not packed where nothing is shared, so that releases that know no packed frames read it', () => {
    const signed = { type: 'text-delta', id: 't', delta: 'b', providerMetadata: { p: { signature: 's' } } } as const;
    const frame: Frame = { ...base, at: 3, next: 5, chunks: [{ type: 'text-delta', id: 't', delta: 'a' }, signed] };
    expect(encodeFrame(frame)).toBe(JSON.stringify(frame));
  });

  it('costs a packed delta its text, two quotes and a comma', () => {
    const ofDeltas = (count: number): Frame => {
      const chunks = Array.from({ length: count }, () => ({ type: 'text-delta' as const, id: '0', delta: 'word ' }));
      return { ...base, at: 0, next: count, chunks };
    };
    expect(frameBytes(encodeFrame(ofDeltas(8))) - frameBytes(encodeFrame(ofDeltas(7)))).toBe('"word ",'.length);
  });

  it.each([
    ['another version', { ...chunks, v: 2 }],
    ['another version, whatever it looks like', { v: 3, text: 'x' }],
    ['another kind', { ...base, presence: { typing: true } }],
    ['no kind', base],
  ])('is unknown, and not malformed, with %s', (_, frame) => {
    expect(() => decodeFrame(JSON.stringify(frame))).toThrowError(UnknownFrame);
  });

  it.each([
    ['a chunks frame', { ...chunks, extra: 1 }],
    ['an end', { ...base, at: 3, end: { reason: 'finish', text: 'x' } }],
    ['a start', { ...start, start: { ...start.start, locale: 'en' }, sentAt: 1 }],
    ['a chunks frame with a field that this release uses elsewhere', { ...chunks, packed: 1 }],
    ['a pointer', { ...base, at: 3, next: 5, url: 'https://example.com' }],
  ])('may say more than we know: %s', (_, frame) => {
    expect(decodeFrame(JSON.stringify(frame))).toEqual(frame);
  });

  it('is refused with a typed error whatever somebody sends', () => {
    const mutation = fc.record({ path: fc.array(fc.nat(), { minLength: 1, maxLength: 5 }), value: fc.jsonValue() });
    fc.assert(
      fc.property(
        anyFrame,
        fc.array(mutation, { minLength: 1, maxLength: 3 }),
        fc.string(),
        (frame, mutations, noise) => {
          const changed = JSON.parse(JSON.stringify(frame)) as Record<string, unknown>;
          for (const { path, value } of mutations) {
            let target = changed;
            for (const [depth, step] of path.entries()) {
              const keys = Object.keys(target);
              const key = keys[step % Math.max(keys.length, 1)] ?? 'x';
              const next = target[key];
              if (depth === path.length - 1 || typeof next !== 'object' || next === null) {
                target[key] = value;
                break;
              }
              target = next as Record<string, unknown>;
            }
          }
          for (const text of [JSON.stringify(changed), noise, JSON.stringify(noise)]) {
            try {
              const decoded = decodeFrame(text);
              expect(decodeFrame(encodeFrame(decoded))).toEqual(decoded);
            } catch (error) {
              expect(ChatTransportError.isInstance(error) && error.code).toBe('protocol');
            }
          }
        },
      ),
      { numRuns: 1000 },
    );
  });
});

describe('a frame that is too large for a service', () => {
  it('is sent whole while it fits, counted in bytes and not in characters', () => {
    const frame: Frame = {
      ...base,
      at: 0,
      next: 1,
      chunks: [{ type: 'text-delta', id: 't', delta: '漢'.repeat(100) }],
    };
    const text = encodeFrame(frame);
    expect(frameBytes(text)).toBe(text.length + 200);
    expect(encodeForLimit(frame, text.length + 200)).toBe(text);
    expect(decodeFrame(encodeForLimit(frame, text.length + 199))).toEqual({ ...base, at: 0, next: 1 });
  });

  it('becomes a pointer that names the same offsets', () => {
    expect(decodeFrame(encodeForLimit(chunks, 10))).toEqual(pointerFrame(chunks));
  });

  it('becomes a start that tells devices to read the state, never one that cuts in the wrong place', () => {
    const decoded = decodeFrame(encodeForLimit(start, 10));
    expect(decoded).toEqual({ ...base, start: { trigger: 'submit-message', from: 'c1', messageId: 'm1' } });
  });

  it('stays as it is when nothing can be left out', () => {
    const end: Frame = { ...base, at: 5, end: { reason: 'finish' } };
    expect(decodeFrame(encodeForLimit(end, 10))).toEqual(end);
  });
});

describe('an SSE id', () => {
  it('names the place where a reader goes on, and why the run ended', () => {
    expect(formatSseId({ run: 'r-1', next: 5 })).toBe('r-1:5');
    expect(formatSseId({ run: 'r-1', next: 5, reason: 'cancel' })).toBe('r-1:5:cancel');
    fc.assert(
      fc.property(id, offset, fc.option(fc.constantFrom(...endReasons), { nil: undefined }), (run, next, reason) => {
        const position = { run, next, ...(reason && { reason }) };
        expect(parseSseId(formatSseId(position))).toEqual(position);
      }),
    );
  });

  it.each([
    '',
    'r',
    'r:',
    ':1',
    'r:-1',
    'r:1.5',
    'r:1e3',
    'r:1:',
    'r:1:bored',
    'r:1:finish:x',
    'a b:1',
    `r:${2 ** 53}`,
  ])('is not read from "%s"', (text) => {
    expect(parseSseId(text)).toBeUndefined();
  });
});
