import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { type Device, texts, until, World } from '../support/world.ts';

/** A browser's connections to one origin over HTTP/1.1: the seventh request waits until one of six is over. */
class Connections {
  used = 0;
  readonly #waiting: (() => void)[] = [];

  share(device: Device): Device {
    device.network.intercept = (request, forward) => this.#request(request, forward);
    return device;
  }

  async #request(request: Request, forward: () => Promise<Response>): Promise<Response> {
    if (this.used >= 6) await new Promise<void>((go) => this.#waiting.push(go));
    this.used++;
    let isOver = false;
    const over = () => {
      if (isOver) return;
      isOver = true;
      this.used--;
      this.#waiting.shift()?.();
    };
    request.signal.addEventListener('abort', over);
    const response = await forward();
    const body = response.body?.pipeThrough(new TransformStream({ flush: over }));
    if (!body) over();
    return new Response(body ?? null, response);
  }
}

/** Tabs see each other only through Web Locks, which browsers and Node have; what makes them tabs is a document. */
beforeEach(() => {
  vi.stubGlobal('document', { hidden: false });
  onTestFinished(() => void vi.unstubAllGlobals());
});

describe('seven tabs without realtime', () => {
  it('can all show an answer, and each can stop its own', async () => {
    const world = new World();
    const connections = new Connections();
    const chats = Array.from({ length: 7 }, (_, tab) =>
      connections.share(world.device({ realtime: false })).chat(`tab-${tab}`),
    );
    for (const [tab, chat] of chats.entries()) {
      void chat.sendMessage({ text: 'hi' });
      (await world.model.call(tab)).say('one ');
      await until(
        () => texts(chat).at(-1)?.includes('one'),
        () => [tab, texts(chat), connections.used],
      );
    }
    for (const [tab, chat] of chats.entries()) {
      const call = await world.model.call(tab);
      call.say('two ');
      await until(
        () => texts(chat).at(-1)?.includes('two'),
        () => [tab, texts(chat), connections.used],
      );
    }
    for (const [tab, chat] of [...chats.entries()].reverse()) {
      await chat.stop();
      const call = await world.model.call(tab);
      await until(
        () => call.signal.aborted,
        () => tab,
      );
    }
  });

  it('can watch one chat, and the seventh can send', async () => {
    const world = new World();
    const connections = new Connections();
    const devices = Array.from({ length: 7 }, () => connections.share(world.device({ realtime: false })));
    const chats = devices.map((device) => device.synced('c'));
    await until(
      () => devices.every((device) => device.path('c')),
      () => devices.map((device) => device.path('c')),
    );
    expect(connections.used).toBeLessThan(6);
    void chats[6]?.sendMessage({ text: 'hi' });
    const call = await world.model.call();
    call.say('for all');
    call.finish();
    await until(
      () => chats.every((chat) => texts(chat).at(-1) === 'assistant: for all' && chat.status === 'ready'),
      () => chats.map(texts),
    );
  });

  it('take the place of a tab that was closed', async () => {
    const world = new World();
    const devices = Array.from({ length: 5 }, () => world.device({ realtime: false }));
    for (const device of devices) {
      device.synced('c');
      await until(() => device.path('c'));
    }
    expect(devices.map((device) => device.path('c'))).toEqual(['sse', 'sse', 'sse', 'sse', 'poll']);
    devices[0]?.transport.close();
    await until(() => devices[4]?.path('c') === 'sse');
  });
});

it('a tab that becomes visible reads at once what a dead connection did not bring', async () => {
  const wakes: (() => void)[] = [];
  vi.stubGlobal('addEventListener', (_: string, listener: () => void) => wakes.push(listener));
  const world = new World();
  const device = world.device();
  const chat = device.synced('c');
  await until(() => device.path('c') === 'realtime');
  // The phone slept: realtime is dead, and does not know it.
  device.network.drop = () => true;
  void world.device().synced('c').sendMessage({ text: 'hi' });
  (await world.model.call()).say('one');
  expect(texts(chat)).toEqual([]);
  wakes[0]?.();
  await until(
    () => texts(chat).at(-1) === 'assistant: one',
    () => texts(chat),
  );
});
