import { expect, it } from 'vitest';
import { nextRealtime, type RealtimeEvent, type RealtimeState } from '../../src/client/realtime-link.ts';

const states = {
  none: { kind: 'none' },
  joining: { kind: 'joining', until: 5 },
  live: { kind: 'live' },
  behind: { kind: 'behind' },
  down: { kind: 'down' },
} as const satisfies Record<string, RealtimeState>;

/** For each event, what becomes of each state, in the order above. */
const table: readonly (readonly [RealtimeEvent, readonly (keyof typeof states)[]])[] = [
  [{ type: 'opened', until: 5 }, ['joining', 'joining', 'joining', 'joining', 'joining']],
  [{ type: 'queued', until: 5 }, ['none', 'joining', 'live', 'behind', 'down']],
  [{ type: 'live' }, ['live', 'live', 'live', 'live', 'live']],
  [{ type: 'interrupted' }, ['down', 'down', 'down', 'down', 'down']],
  [{ type: 'failed' }, ['none', 'none', 'none', 'none', 'none']],
  [{ type: 'heard' }, ['none', 'joining', 'live', 'live', 'down']],
  [{ type: 'missed' }, ['none', 'joining', 'behind', 'behind', 'down']],
  [{ type: 'closed' }, ['none', 'none', 'none', 'none', 'none']],
];

it.each(table)('a subscription after %o', (event, expected) => {
  const next = Object.values(states).map((state) => nextRealtime(state, event));
  expect(next).toEqual(expected.map((name) => states[name]));
});
