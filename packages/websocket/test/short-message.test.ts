import { describe, expect, test } from 'vitest';
import { expandMessage, shortenMessage } from '../src/short-message.ts';
import { serveStub } from './support/app.ts';
import { until } from './support/until.ts';

const frame = (at: number, delta: unknown, more: object = {}): string =>
  JSON.stringify({
    ...{ v: 1, run: 'r', turn: 3, at, next: at + 1 },
    chunks: [{ type: 'text-delta', id: '0', delta, ...more }],
  });

describe('a message that only says the next token', () => {
  test.each(['word ', '', '"quoted"', 'line\nbreak', '😀 \ud83d', '+'])(
    'is short, and comes back as it was: %j',
    (text) => {
      const next = frame(8, text);
      const short = shortenMessage(frame(7, 'before'), next);
      expect(short?.length).toBeLessThan(20);
      expect(expandMessage(frame(7, 'before'), short ?? '')).toBe(next);
    },
  );

  test('is short for the input of a tool call as well', () => {
    const input = (at: number, text: string): string =>
      `{"v":1,"run":"r","turn":3,"at":${at},"next":${at + 1},"chunks":[{"type":"tool-input-delta","toolCallId":"c","inputTextDelta":"${text}"}]}`;
    const short = shortenMessage(input(1, 'a'), input(2, 'b'));
    expect(short).toBe('+"b"');
    expect(expandMessage(input(1, 'a'), '+"b"')).toBe(input(2, 'b'));
  });

  test.each([
    ['nothing was before it', undefined, frame(8, 'a')],
    ['an offset lies between', frame(6, 'a'), frame(8, 'b')],
    ['another part was before it', frame(7, 'a').replace('"0"', '"1"'), frame(8, 'b')],
    ['another run was before it', frame(7, 'a').replace('"r"', '"q"'), frame(8, 'b')],
    ['it has a field that the one before had not', frame(7, 'a'), frame(8, 'b', { providerMetadata: { p: {} } })],
    [
      'the one before had several chunks',
      frame(7, 'a').replace('chunks":[', 'chunks":[{"type":"start"},'),
      frame(8, 'b'),
    ],
    ['it has several chunks', frame(7, 'a'), frame(8, 'b').replace('}]', '},{"type":"text-end","id":"0"}]')],
    ['it is the end', frame(7, 'a'), '{"v":1,"run":"r","turn":3,"at":8,"end":{"reason":"finish"}}'],
    ['it is no frame', frame(7, 'a'), 'anything'],
    ['the one before was no frame', 'null', frame(8, 'b')],
  ])('is not short when %s', (_, previous, message) => {
    expect(shortenMessage(previous, message)).toBeUndefined();
  });

  test('is whole for who has just subscribed, and short for who had the one before', async () => {
    const app = await serveStub();
    const token = await app.token('one');
    const early = await app.client().opened();
    await early.subscribe('one', token);
    await app.publish('one', frame(0, 'a'));
    const late = await app.client().opened();
    await late.subscribe('one', token);
    await app.publish('one', frame(1, 'b'));
    await app.publish('one', frame(2, 'c'));
    for (const client of [early, late]) {
      await until('the last token', () => client.received.at(-1) === 'one +"c"', { saw: () => client.received });
    }
    expect(early.received.slice(1)).toEqual([`one ${frame(0, 'a')}`, 'one +"b"', 'one +"c"']);
    expect(late.received.slice(1)).toEqual([`one ${frame(1, 'b')}`, 'one +"c"']);
  });
});
