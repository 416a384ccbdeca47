import { describe, expect, it } from 'vitest';
import type { Listener, Notices } from '../src/notices.ts';
import { createWaiting } from '../src/wait.ts';

/** Notices that a test gives, and whether they are heard already. */
function notices(options: { isHeard: boolean; onSubscribe?: () => Promise<void> }) {
  const listeners = new Set<Listener>();
  const subscribed: string[] = [];
  const fake: Notices = {
    hears: () => options.isHeard,
    async subscribe(channels) {
      subscribed.push(...channels);
      await options.onSubscribe?.();
    },
    listen(_, listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close() {},
  };
  const tell = (run?: string): void => {
    for (const listener of listeners) listener(run);
  };
  return { fake, tell, listeners, subscribed };
}

const patient = { channels: ['chat:frames'], run: 'r1', waitMs: 20_000 };

describe('waiting for news of Redis', () => {
  it('sees what happened between its look and its subscription', async () => {
    let value = 'old';
    const onSubscribe = async (): Promise<void> => {
      value = 'new';
    };
    const { fake, subscribed } = notices({ isHeard: false, onSubscribe });
    const look = async () => (value === 'new' ? ({ done: true, value } as const) : ({ done: false } as const));
    expect(await createWaiting(fake).wait({ ...patient, look })).toBe('new');
    expect(subscribed).toEqual(['chat:frames']);
  });

  it('sees what is told while it looks', async () => {
    const { fake, tell } = notices({ isHeard: true });
    let looks = 0;
    const look = async () => {
      looks += 1;
      if (looks === 1) tell('r1');
      return looks === 2 ? ({ done: true, value: looks } as const) : ({ done: false } as const);
    };
    expect(await createWaiting(fake).wait({ ...patient, look })).toBe(2);
  });

  it('does not look for another run, and does when notices may have been lost', async () => {
    const { fake, tell, listeners } = notices({ isHeard: true });
    let looks = 0;
    const look = async () => {
      looks += 1;
      return looks === 2 ? ({ done: true, value: looks } as const) : ({ done: false } as const);
    };
    const wait = createWaiting(fake).wait({ ...patient, look });
    await Promise.resolve();
    tell('r2');
    await new Promise((resolve) => setImmediate(resolve));
    expect(looks).toBe(1);
    tell();
    expect(await wait).toBe(2);
    expect(listeners.size).toBe(0);
  });

  it('is given up at once, also while Redis does not answer', async () => {
    const { fake, listeners } = notices({ isHeard: true });
    const abort = new AbortController();
    const wait = createWaiting(fake).wait({ ...patient, signal: abort.signal, look: () => new Promise(() => {}) });
    abort.abort('gone');
    await expect(wait).rejects.toBe('gone');
    expect(listeners.size).toBe(0);
  });
});
