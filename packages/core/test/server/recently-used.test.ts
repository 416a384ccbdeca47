import { expect, it } from 'vitest';
import { RecentlyUsed } from '../../src/server/run/recently-used.ts';

function kept() {
  let nowMs = 0;
  const clock = { now: () => nowMs, setTimeout: () => undefined, clearTimeout: () => undefined };
  const pass = (ms: number): void => {
    nowMs += ms;
  };
  return { used: new RecentlyUsed<string>(clock, 10), pass };
}

it('lets go of what was used longest ago, not of what was put first', () => {
  const { used } = kept();
  used.put('a', '12345');
  used.put('b', '12345');
  used.get('a');
  used.put('c', '1');
  expect(['a', 'b', 'c'].map((id) => used.get(id))).toEqual(['12345', undefined, '1']);
});

it('lets go of what nobody has used for a minute when something comes', () => {
  const { used, pass } = kept();
  used.put('a', '1');
  used.put('b', '1');
  pass(40_000);
  used.get('a');
  pass(30_000);
  used.put('c', '1');
  expect(['a', 'b', 'c'].map((id) => used.get(id))).toEqual(['1', undefined, '1']);
});

it('counts a value once that is put again, and lets go of all of one chat', () => {
  const { used } = kept();
  used.put('x/1', '12345');
  used.put('x/1', '1234567');
  used.put('y/1', '123');
  expect(used.get('x/1')).toBe('1234567');
  used.dropAll('x/');
  expect([used.get('x/1'), used.get('y/1')]).toEqual([undefined, '123']);
});
