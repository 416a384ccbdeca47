import { describe, expect, it } from 'vitest';
import { createStartCache } from '../../src/log/start-cache.ts';

const textOf = (from: string, filler = ''): string =>
  JSON.stringify({ trigger: 'submit-message', from, messageId: 'm', before: null, tail: [], filler });

describe('the parsed starts of runs', () => {
  it('are parsed once, however often readers ask for the run', () => {
    const startOf = createStartCache();
    const start = startOf(textOf('device'));
    expect(start).toEqual(JSON.parse(textOf('device')));
    expect(startOf(textOf('device'))).toBe(start);
  });

  it('cannot be changed by one reader for the others', () => {
    const start = createStartCache()(textOf('device'));
    expect(() => Object.assign(start, { from: 'other' })).toThrow(TypeError);
  });

  it('keep the ones that were used last, and forget others where they are long', () => {
    const startOf = createStartCache();
    const megabyte = 'x'.repeat(1024 * 1024);
    const used = startOf(textOf('used', megabyte));
    const unused = startOf(textOf('unused', megabyte));
    for (let at = 0; at < 2; at++) {
      startOf(textOf(`other ${at}`, megabyte));
      expect(startOf(textOf('used', megabyte))).toBe(used);
    }
    expect(startOf(textOf('unused', megabyte))).not.toBe(unused);
  });
});
