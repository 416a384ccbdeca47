import { afterEach, beforeEach, expect, it, onTestFinished, vi } from 'vitest';
import { openMs, silenceMs } from '../src/postgres-listener.ts';
import { createPostgresNotices, defaultPollMs } from '../src/postgres-notices.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** The notices of one process, on a Postgres whose connections can go silent. `version` is how far the chat is. */
function process({ isHealthy = true } = {}) {
  const postgres = {
    version: 0,
    polls: 0,
    opened: 0,
    probes: 0,
    isHealthy,
    isDead: false,
    isFrozen: false,
    end: () => {},
  };
  const heard: ((payload: string) => void)[] = [];
  const send = async (payload: string): Promise<void> => {
    for (const hear of heard) hear(payload);
  };
  const notices = createPostgresNotices({
    pollMs: defaultPollMs,
    async progress() {
      postgres.polls += 1;
      return { c: String(postgres.version) };
    },
    notify(payload) {
      postgres.probes += 1;
      return send(payload);
    },
    async listen(_, onNotice, onLost) {
      postgres.opened += 1;
      if (postgres.isFrozen) await new Promise(() => {});
      if (postgres.isDead) throw new Error('Postgres is away.');
      const hear = (payload: string): void => {
        if (postgres.isHealthy) onNotice(payload);
      };
      heard.push(hear);
      postgres.end = onLost;
      return () => {
        heard.splice(heard.indexOf(hear), 1);
        return postgres.isFrozen ? new Promise(() => {}) : undefined;
      };
    },
  });
  onTestFinished(() => notices.close());
  const wakes = { count: 0 };
  const wait = () => notices.listen('c', 'changes', () => wakes.count++);
  /** Another process changes the chat. */
  const change = async (): Promise<void> => {
    postgres.version += 1;
    await send('c c');
  };
  return { postgres, notices, wakes, wait, change };
}

it('hears another process at once, and does not poll, as soon as its own notice has arrived', async () => {
  const { postgres, wakes, wait, change } = process();
  wait();
  await vi.advanceTimersByTimeAsync(3 * silenceMs);
  const { polls } = postgres;
  expect(polls).toBeLessThanOrEqual(1);
  wakes.count = 0;
  await change();
  expect(wakes.count).toBe(1);
  await vi.advanceTimersByTimeAsync(3 * silenceMs);
  expect(postgres).toMatchObject({ polls, opened: 1 });
});

it('polls where LISTEN passes no notice on, as behind a pooler, and does not miss a change', async () => {
  const { postgres, wakes, wait, change } = process({ isHealthy: false });
  wait();
  for (let round = 0; round < 50; round += 1) {
    await vi.advanceTimersByTimeAsync(1_000);
    wakes.count = 0;
    await change();
    await vi.advanceTimersByTimeAsync(2 * defaultPollMs);
    expect(wakes.count).toBe(1);
  }
  // It goes on to try, but not all the time: its waits grow to 8 s.
  expect(postgres.opened).toBeGreaterThan(2);
  expect(postgres.opened).toBeLessThan(15);
});

it('opens another connection when one goes silent without an end', async () => {
  const { postgres, wakes, wait, change } = process();
  wait();
  await vi.advanceTimersByTimeAsync(1_000);
  postgres.isHealthy = false;
  await change();
  wakes.count = 0;
  // The silence, the probe and a poll.
  await vi.advanceTimersByTimeAsync(2 * silenceMs + 2 * defaultPollMs);
  expect(wakes.count).toBe(1);
  postgres.isHealthy = true;
  await vi.advanceTimersByTimeAsync(3 * silenceMs);
  const { polls } = postgres;
  wakes.count = 0;
  await change();
  expect(wakes.count).toBe(1);
  await vi.advanceTimersByTimeAsync(silenceMs);
  expect(postgres.polls).toBe(polls);
});

it('polls while its connection is away, and hears again when it is back', async () => {
  const { postgres, wakes, wait, change } = process();
  wait();
  await vi.advanceTimersByTimeAsync(1_000);
  postgres.isDead = true;
  postgres.isHealthy = false;
  postgres.end();
  wakes.count = 0;
  await change();
  await vi.advanceTimersByTimeAsync(2 * defaultPollMs);
  expect(wakes.count).toBe(1);
  postgres.isDead = false;
  postgres.isHealthy = true;
  await vi.advanceTimersByTimeAsync(10_000);
  const { polls } = postgres;
  wakes.count = 0;
  await change();
  expect(wakes.count).toBe(1);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(postgres.polls).toBe(polls);
});

it('opens another connection where one does not open, and polls until then', async () => {
  const { postgres, wakes, wait, change } = process();
  await vi.advanceTimersByTimeAsync(0);
  postgres.isFrozen = true;
  postgres.end();
  wait();
  await vi.advanceTimersByTimeAsync(1_000);
  expect(postgres.opened).toBe(2);
  wakes.count = 0;
  await change();
  await vi.advanceTimersByTimeAsync(2 * defaultPollMs);
  expect(wakes.count).toBe(1);
  postgres.isFrozen = false;
  await vi.advanceTimersByTimeAsync(openMs + 1_000);
  expect(postgres.opened).toBe(3);
  const { polls } = postgres;
  wakes.count = 0;
  await change();
  expect(wakes.count).toBe(1);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(postgres.polls).toBe(polls);
});

it('closes though its connection does not', async () => {
  const { postgres, notices } = process();
  await vi.advanceTimersByTimeAsync(0);
  postgres.isFrozen = true;
  const closed = notices.close();
  await vi.advanceTimersByTimeAsync(openMs);
  await closed;
  expect(vi.getTimerCount()).toBe(0);
});

it('asks Postgres nothing while nobody waits', async () => {
  const { postgres, wait } = process();
  await vi.advanceTimersByTimeAsync(10 * silenceMs);
  expect(postgres).toMatchObject({ opened: 1, polls: 0, probes: 0 });
  const { stop } = wait();
  await vi.advanceTimersByTimeAsync(1_000);
  stop();
  const { polls, probes } = postgres;
  await vi.advanceTimersByTimeAsync(10 * silenceMs);
  expect(postgres).toMatchObject({ opened: 1, polls, probes });
  expect(vi.getTimerCount()).toBe(0);
});
