import { expect, it } from 'vitest';
import { isRefusal, statusError } from '../../src/provider/refusal.ts';

it.each([
  [401, 'unauthorized', true],
  [403, 'forbidden', true],
  [404, 'not-found', true],
  [413, 'too-large', true],
  [400, 'provider-failed', true],
  [429, 'rate-limited', false],
  [500, 'provider-failed', false],
  [503, 'provider-failed', false],
])('status %i is %s, and final: %s', (status, code, isFinal) => {
  const error = statusError(status, 'Refused.');
  expect(error.code).toBe(code);
  expect(isRefusal(error)).toBe(isFinal);
});

it('an error of the network, or any other that is not ours, is tried again', () => {
  expect(isRefusal(new TypeError('Failed to fetch'))).toBe(false);
});
