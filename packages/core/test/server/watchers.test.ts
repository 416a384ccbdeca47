import type { RealtimeServer } from '@chat-transport/core/provider';
import { describe, expect, it } from 'vitest';
import { createWorld, recordingRealtime, SseReader, until, user, type World } from './support.ts';

/** Starts a turn that no device has asked for. */
async function begin(world: World): Promise<{ close(): Promise<void> }> {
  await world.handler.runtime.start({ chatId: 'c', runId: 'r1', message: user('u1', 'the report is due') });
  const model = await world.model();
  return {
    async close() {
      model.close();
      await until('the end', () => world.finished.length === 1);
    },
  };
}

describe('watchers of onFinish', () => {
  it('is 0 for a job that nobody watches', async () => {
    const world = createWorld();
    await (await begin(world)).close();
    expect(world.finished[0]?.watchers).toBe(0);
  });

  it('counts the streams that are open, and not those that have gone', async () => {
    const world = createWorld();
    const run = await begin(world);
    const leaves = new AbortController();
    const stays = new SseReader(await world.fetch('/c/stream'));
    const left = new SseReader(await world.fetch('/c/stream', { signal: leaves.signal }));
    leaves.abort();
    await left.closed;
    await run.close();
    await stays.closed;
    expect(world.finished[0]?.watchers).toBe(1);
  });

  it('adds the connections of a service that is in this process', async () => {
    const realtime: RealtimeServer = { ...recordingRealtime(), watcherCount: (chatId) => (chatId === 'c' ? 2 : 0) };
    const world = createWorld({ realtime });
    await (await begin(world)).close();
    expect(world.finished[0]?.watchers).toBe(2);
  });

  it('is undefined where a service elsewhere holds the connections', async () => {
    const world = createWorld({ realtime: recordingRealtime() });
    await (await begin(world)).close();
    expect(world.finished[0]).toHaveProperty('watchers', undefined);
  });
});
