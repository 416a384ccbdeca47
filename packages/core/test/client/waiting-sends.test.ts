import type { Chat } from '@ai-sdk/react';
import type { UIMessage } from 'ai';
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { defaultTimings, syncChat } from '../../src/index.ts';
import { maxQueuedSends, type ServerEvent } from '../../src/server.ts';
import { type Device, texts, World } from '../support/world.ts';

/** Not the fake one. */
const realImmediate = setImmediate;

/** Time passes in steps of five seconds, until `condition` holds, at most for 20 minutes; in between, `check` is called. */
async function passUntil(condition: () => boolean, check = () => {}): Promise<void> {
  for (let steps = 0; !condition(); steps++) {
    if (steps > 240) throw new Error(`Not within 20 minutes: ${condition}`);
    await vi.advanceTimersByTimeAsync(5000);
    // What a request causes is done before more time passes: the server works in turns of the event loop.
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => realImmediate(resolve));
    check();
  }
}

async function pass(ms: number, check = () => {}): Promise<void> {
  let isOver = false;
  setTimeout(() => {
    isOver = true;
  }, ms);
  await passUntil(() => isOver, check);
}

interface Party {
  readonly device: Device;
  readonly chat: Chat<UIMessage>;
  unsent(): string[];
}

function party(world: World, realtime = true): Party {
  const device = world.device({ realtime, timings: defaultTimings });
  const chat = device.chat('c');
  const sync = syncChat(chat, device.transport);
  onTestFinished(sync);
  return { device, chat, unsent: () => sync.getReport().unsent.map(({ state }) => state) };
}

function posts({ device }: Party): number {
  return device.network.requests.filter((each) => each === 'POST /api/chat').length;
}

describe('a message that waits for its turn', () => {
  const events: ServerEvent[] = [];
  const queued = (): number => events.filter(({ type }) => type === 'send-queued').length;

  beforeEach(() => {
    events.length = 0;
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
  });

  /** A chat that is busy with the question of `a`, while `b` waits. */
  async function waiting(realtime: boolean): Promise<{ world: World; a: Party; b: Party }> {
    const world = new World({ onBusy: 'queue', onEvent: (event) => events.push(event) });
    const [a, b] = [party(world), party(world, realtime)];
    void a.chat.sendMessage({ text: 'first' });
    await passUntil(() => world.model.calls.length === 1 && texts(b.chat).includes('user: first'));
    void b.chat.sendMessage({ text: 'second' });
    await passUntil(() => queued() === 1);
    return { world, a, b };
  }

  it.each([
    ['realtime', true],
    ['HTTP alone', false],
  ])('is being sent for as long as that takes, and is answered once (%s)', async (_, realtime) => {
    const { world, a, b } = await waiting(realtime);
    await pass(10 * 60_000, () => {
      world.model.calls[0]?.say('. ');
      expect([b.unsent(), b.chat.error]).toEqual([['sending'], undefined]);
    });
    expect(queued()).toBe(1);
    expect(posts(b)).toBeGreaterThan(20);
    expect(b.device.events.filter(({ type }) => type === 'http-failed')).toEqual([]);
    world.model.calls[0]?.finish();
    await passUntil(() => world.model.calls.length === 2);
    world.model.calls[1]?.say('the answer');
    world.model.calls[1]?.finish();
    await passUntil(() => b.chat.status === 'ready');
    expect([b.unsent(), texts(b.chat).slice(2)]).toEqual([[], ['user: second', 'assistant: the answer']]);
    await passUntil(() => texts(a.chat).length === 4);
    expect(world.model.calls).toHaveLength(2);
  });

  it('is recorded and not answered where it was stopped minutes before', async () => {
    const { world, a, b } = await waiting(true);
    // Not synchronized: what this chat stops is its own message.
    const chat = world.device({ timings: defaultTimings }).chat('c', { messages: [...a.chat.messages] });
    void chat.sendMessage({ text: 'third' });
    await passUntil(() => queued() === 2);
    await chat.stop();
    await pass(5 * 60_000, () => world.model.calls[0]?.say('. '));
    world.model.calls[0]?.finish();
    await passUntil(() => world.model.calls.length === 2);
    world.model.calls[1]?.finish();
    await passUntil(() => world.finished.length === 3);
    expect(world.finished.map(({ outcome }) => outcome)).toEqual(['finish', 'finish', 'cancel']);
    await passUntil(() => texts(b.chat).includes('user: third'));
    expect(world.model.calls).toHaveLength(2);
  });

  it('is answered when its tab was closed meanwhile', async () => {
    const { world, b } = await waiting(true);
    b.device.transport.close();
    await pass(60_000, () => world.model.calls[0]?.say('. '));
    world.model.calls[0]?.finish();
    await passUntil(() => world.model.calls.length === 2);
    expect(world.model.calls[1]?.messages.at(-1)?.parts).toEqual([{ type: 'text', text: 'second' }]);
  });

  it('is answered once where another process gets its repeats', async () => {
    const { world, b } = await waiting(true);
    const [first, other] = [world.handler, world.newServer()];
    await pass(3 * 60_000, () => {
      world.handler = posts(b) % 2 === 0 ? first : other;
      world.model.calls[0]?.say('. ');
      expect([b.unsent(), b.chat.error]).toEqual([['sending'], undefined]);
    });
    expect(queued()).toBe(2);
    world.model.calls[0]?.finish();
    await passUntil(() => world.model.calls.length === 2);
    world.model.calls[1]?.finish();
    await passUntil(() => b.chat.status === 'ready');
    expect([world.model.calls.length, world.finished.length]).toEqual([2, 2]);
  });

  it('has one place, however often its request is repeated', async () => {
    const { world } = await waiting(true);
    const body = (index: number) =>
      JSON.stringify({
        id: 'c',
        runId: `run-${index}`,
        queueWaitMs: 1000,
        message: { id: `m${index}`, role: 'user', parts: [{ type: 'text', text: 'and this' }] },
      });
    const send = (index: number, accept = 'text/event-stream') =>
      world.handler(
        new Request('http://test.local/api/chat', {
          method: 'POST',
          headers: { 'content-type': 'application/json', accept },
          body: body(index),
        }),
      );
    // One place is taken by `second`.
    const sends = Array.from({ length: maxQueuedSends - 1 }, (_, index) => send(index));
    const repeats = Array.from({ length: 20 }, (_, index) => send(0, index % 2 ? 'application/json' : '*/*'));
    const seen: unknown[][] = [];
    const read = async (response: Response): Promise<unknown[]> => [
      response.status,
      response.headers.get('x-chat-run-id'),
      await response.json(),
    ];
    void Promise.all([...sends, ...repeats].map(async (sent) => read(await sent))).then((all) => seen.push(...all));
    await passUntil(() => seen.length > 0);
    expect(seen.slice(-20)).toEqual(Array(20).fill([202, 'run-0', { runId: 'run-0', queued: true }]));
    expect(seen.every(([status]) => status === 202)).toBe(true);
    expect(queued()).toBe(maxQueuedSends);
  });
});
