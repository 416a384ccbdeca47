import type { UIMessage } from 'ai';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalJson } from '../../src/wire/canonical-json.ts';
import { conversationDigest, emptyDigest } from '../../src/wire/conversation-digest.ts';

const user = (id: string, text: string, more: object = {}): UIMessage =>
  ({ id, role: 'user', parts: [{ type: 'text', text }], ...more }) as UIMessage;
const call = (part: object): UIMessage =>
  ({
    id: 'a',
    role: 'assistant',
    parts: [{ type: 'tool-x', toolCallId: 't', input: {}, ...part }],
  }) as unknown as UIMessage;

describe('canonical JSON', () => {
  it('is JSON of the same value, whatever the order of the keys', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const reversed = (nested: unknown): unknown => {
          if (Array.isArray(nested)) return nested.map(reversed);
          if (typeof nested !== 'object' || nested === null) return nested;
          return Object.fromEntries(
            Object.entries(nested)
              .reverse()
              .map(([key, field]) => [key, reversed(field)]),
          );
        };
        const text = canonicalJson(value);
        expect(JSON.stringify(JSON.parse(text)).length).toBe(text.length);
        expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)));
        expect(canonicalJson(reversed(value))).toBe(text);
      }),
    );
  });
  it('has what JSON.stringify has of values that JSON cannot carry', () => {
    const value = { at: new Date(0), gone: undefined, run() {}, list: [undefined, 1], none: Number.NaN };
    expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
  });
});

describe('the digest of a conversation', () => {
  it('is 64-bit FNV-1a, so that another implementation can be written', () => {
    const message = user('é', 'naïve ✓');
    const text = `${canonicalJson({ id: message.id, role: message.role, parts: message.parts })}\n`;
    let hash = 0xcbf29ce484222325n;
    for (const byte of new TextEncoder().encode(text)) {
      hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
    }
    expect(conversationDigest([message])).toBe(hash.toString(16).padStart(16, '0'));
    expect(conversationDigest([])).toBe(emptyDigest);
  });
  it('rolls on', () => {
    const [a, b, c] = [user('1', 'a'), call({ state: 'output-available', output: 1 }), user('2', 'b')];
    expect(conversationDigest([b, c], conversationDigest([a]))).toBe(conversationDigest([a, b, c]));
  });
  it.each<[string, UIMessage, UIMessage]>([
    ["a user's text", user('1', 'a'), user('1', 'b')],
    ['an id', user('1', 'a'), user('2', 'a')],
    ["a user's metadata", user('1', 'a'), user('1', 'a', { metadata: { x: 1 } })],
    ['the output of a tool', call({ state: 'input-available' }), call({ state: 'output-available', output: 1 })],
    [
      'the value of an output',
      call({ state: 'output-available', output: 2 }),
      call({ state: 'output-available', output: 1 }),
    ],
    [
      'an approval',
      call({ state: 'approval-responded', approval: { id: 'x', approved: true } }),
      call({ state: 'approval-responded', approval: { id: 'x', approved: false } }),
    ],
  ])('sees %s', (_what, one, other) => {
    expect(conversationDigest([one])).not.toBe(conversationDigest([other]));
  });
  it("does not see an answer's text, which is the server's to say", () => {
    const answer = (text: string): UIMessage => ({ id: 'a', role: 'assistant', parts: [{ type: 'text', text }] });
    expect(conversationDigest([answer('one')])).toBe(conversationDigest([answer('two')]));
  });
});
