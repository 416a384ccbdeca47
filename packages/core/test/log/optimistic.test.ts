import { describe, expect, it, vi } from 'vitest';
import type { Changes, Facts } from '../../src/log/log-store.ts';
import { type OptimisticStore, optimistic, placeTtlMs } from '../../src/log/optimistic.ts';

const changes: Changes = { parked: [] };
const decide = (facts: Facts) => ({ answer: facts.turn, changes });

/** A chat that counts its changes, with a queue; places end by its clock. */
function queueingChat() {
  let version = 0;
  let now = 1_000;
  let stands = 0;
  const places = new Map<string, number>();
  const written: (string | undefined)[] = [];
  const inFront = (place = '~') => [...places].filter(([name, until]) => name < place && until > now).length;
  const store: OptimisticStore = {
    facts: async () => {
      now += 1;
      return { facts: { now, turn: version } as Facts, version: `${version}` };
    },
    write: async (_, read, __, place) => {
      if (read !== `${version}` || inFront(place) > 0) return false;
      version += 1;
      if (place) places.delete(place);
      written.push(place);
      return true;
    },
    queue: {
      stand: async (_, place) => {
        now += 1;
        stands += 1;
        places.set(place, now + placeTtlMs);
        return inFront(place);
      },
      leave: async (_, place) => places.delete(place),
    },
  };
  return {
    store,
    places,
    written,
    change: () => (version += 1),
    pass: (ms: number) => (now += ms),
    stands: () => stands,
  };
}

describe('a writer that was too late', () => {
  it('goes before those who come later, and all are served in their turn', async () => {
    const { store, places, written } = queueingChat();
    const transact = optimistic(store);
    const answers = await Promise.all(Array.from({ length: 20 }, () => transact('c', {}, decide)));
    expect([...answers].sort((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, index) => index));
    const queued = written.filter((place) => place !== undefined);
    expect(queued).toHaveLength(19);
    expect(queued).toEqual([...queued].sort());
    expect(places.size).toBe(0);
  });

  it('makes a later writer wait, even one that has read the newest version', async () => {
    const chat = queueingChat();
    chat.places.set('place:0', 100_000);
    const waiting = optimistic(chat.store)('c', {}, decide);
    await vi.waitUntil(() => chat.stands() >= 3);
    expect(chat.written).toEqual([]);
    // Its owner has died: the place ends.
    chat.pass(100_000);
    expect(await waiting).toBe(0);
  });

  it.each([
    ['there is nothing to write after all', () => ({ answer: 'none' })],
    [
      'its decision refuses',
      () => {
        throw new Error('refused');
      },
    ],
  ] as const)('gives up its place when %s', async (_, second) => {
    const { store, places, change } = queueingChat();
    let calls = 0;
    const done = optimistic(store)('c', {}, (facts): { answer: unknown; changes?: Changes } => {
      calls += 1;
      if (calls > 1) return second();
      change();
      return decide(facts);
    });
    await Promise.resolve(done).catch((error: Error) => expect(error.message).toBe('refused'));
    expect(calls).toBe(2);
    expect(places.size).toBe(0);
  });

  it('tries again after a pause where the store has no queue', async () => {
    const { store } = queueingChat();
    const { facts, write } = store;
    let attempts = 0;
    const busy = optimistic({ facts, write: async (...all) => ++attempts > 3 && write(...all) });
    expect(await busy('c', {}, decide)).toBe(0);
    expect(attempts).toBe(4);
  });
});
