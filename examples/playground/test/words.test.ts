import { describe, expect, test } from 'vitest';
import { defaultRate, parseWords } from '../server/model/words.ts';

describe('the words in a prompt', () => {
  test('a prompt without words asks for nothing', () => {
    expect(parseWords('Hello there')).toEqual({
      rate: defaultRate,
      reasoning: false,
      table: false,
      tools: [],
      again: false,
      approvals: 1,
      bigCharacters: 0,
      silenceMs: 0,
      error: false,
      text: 'Hello there',
    });
  });

  test('every word is read, and none stays in the text', () => {
    const words = parseWords(
      'Tell /tokens 500 me /rate 100 /reasoning a /silence 5 story /error /table /approval /big 20kb /tool /client-tool /again',
    );
    expect(words).toEqual({
      tokens: 500,
      rate: 100,
      reasoning: true,
      table: true,
      tools: ['big', 'approval', 'tool', 'client-tool'],
      again: true,
      approvals: 1,
      bigCharacters: 20_000,
      silenceMs: 5000,
      error: true,
      text: 'Tell me a story',
    });
  });

  test('a path or an unknown word stays in the text', () => {
    expect(parseWords('see /tools and a/tool /unknown').text).toBe('see /tools and a/tool /unknown');
    expect(parseWords('see /tools and a/tool').tools).toEqual([]);
  });

  test('a tool is called once, however often its word comes', () => {
    expect(parseWords('/tool /tool').tools).toEqual(['tool']);
  });

  test('several calls that need an approval are counted', () => {
    expect(parseWords('Launch both /approvals 2')).toMatchObject({
      tools: ['approval'],
      approvals: 2,
      text: 'Launch both',
    });
  });

  test('numbers are clamped', () => {
    expect(parseWords('/tokens 99999999 /rate 0 /silence 999999 /big 900mb /approvals 99')).toMatchObject({
      tokens: 20_000,
      rate: 0.1,
      silenceMs: 600_000,
      bigCharacters: 5_000_000,
      approvals: 5,
    });
  });
});
