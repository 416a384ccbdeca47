import { describe, expect, onTestFinished, test } from 'vitest';
import type { ChatServerOptions } from '../src/server.ts';
import { Device } from './support/device.ts';
import { until } from './support/until.ts';
import { Workerd } from './support/workerd.ts';

async function setUp(options: Partial<ChatServerOptions> = {}) {
  const workerd = await Workerd.start({ answers: true, ...options });
  onTestFinished(() => workerd.stop());
  const open = async (timings = {}): Promise<Device> => {
    const device = await Device.open(workerd, 'c', { timings });
    onTestFinished(() => device.close());
    return device;
  };
  /** A device that has asked, with the answer's first word on its screen. */
  const asked = async (): Promise<{ device: Device; done: Promise<void> }> => {
    const device = await open();
    const done = device.chat.sendMessage({ text: 'hi' });
    await until('a model that is asked', async () => (await workerd.model('c')).calls > 0);
    await workerd.model('c', { say: 'one ' });
    await device.shows('one');
    await device.reaches('realtime');
    return { device, done };
  };
  return { workerd, open, asked };
}

describe('an answer that is made in the object', () => {
  test('comes over the socket when the response is cut, and is saved as it was shown', async () => {
    const { workerd, asked } = await setUp();
    const { device, done } = await asked();
    device.http.cut();
    await workerd.model('c', { say: 'two' });
    await device.shows('two');
    await workerd.model('c', { finish: true });
    await done;
    expect(device.chat.status).toBe('ready');
    expect(device.text).toBe('one two');
    expect((await workerd.seen()).finished).toEqual(['finish: one two']);
  });

  test('goes on without its reader, and is there when the page is loaded again', async () => {
    const { workerd, open, asked } = await setUp();
    const { device } = await asked();
    await device.close();
    await workerd.model('c', { say: 'two ' });
    const reloaded = await open();
    const resumed = reloaded.chat.resumeStream();
    await reloaded.shows('one two');
    await workerd.model('c', { say: 'three' });
    await reloaded.shows('three');
    expect(await workerd.model('c')).toEqual({ calls: 1, aborted: false });
    await workerd.model('c', { finish: true });
    await resumed;
    expect((await workerd.seen()).finished).toEqual(['finish: one two three']);
  });

  test('is stopped from another device, over its socket', async () => {
    const { workerd, open, asked } = await setUp();
    const { device, done } = await asked();
    // On a busy machine a receipt takes its time, and the stop may not be posted meanwhile.
    const other = await open({ firstByteMs: 10_000, quietMs: 10_000, silenceMs: 10_000 });
    const watching = other.chat.resumeStream();
    await other.reaches('realtime');
    await other.shows('one');
    // What the read of the log brought first does not prove that the socket delivers: these words do.
    await workerd.model('c', { say: 'two' });
    await other.shows('two');
    await other.reaches('realtime');
    other.requests.length = 0;
    await other.chat.stop();
    await until('a stopped model', async () => (await workerd.model('c')).aborted);
    await Promise.all([done, watching]);
    expect(other.requests.filter((each) => each.startsWith('POST'))).toEqual([]);
    expect(device.chat.error).toBeUndefined();
    expect([device.text, other.text]).toEqual(['one two', 'one two']);
    await until('a saved answer', async () => (await workerd.seen()).finished.length > 0);
    expect((await workerd.seen()).finished).toEqual(['cancel: one two']);
  });

  test.each(['sse', 'poll'] as const)('comes by %s at the same address where there are no sockets', async (path) => {
    const { workerd, open } = await setUp({ heartbeatMs: 100 });
    // A response that is slow on a busy machine is not one that is held back.
    const device = await open(path === 'sse' ? { firstByteMs: 10_000 } : {});
    device.sockets.cut();
    const done = device.chat.sendMessage({ text: 'hi' });
    await until('a model that is asked', async () => (await workerd.model('c')).calls > 0);
    await workerd.model('c', { say: 'one ' });
    await device.shows('one');
    device.holdsResponses = path === 'poll';
    device.http.reset();
    await device.reaches(path);
    await workerd.model('c', { say: 'two ' });
    await device.shows('two');
    await workerd.model('c', { finish: true });
    await done;
    expect(device.text).toBe('one two ');
  });
});

describe('a deploy or an eviction in mid-answer', () => {
  test('ends the answer as lost, with the text so far, and the sockets come back by themselves', async () => {
    const { workerd, asked } = await setUp({ leaseMs: 6000, renewEveryMs: 300 });
    const { device, done } = await asked();
    device.transport.watch('c', () => {});
    await workerd.restart();
    await device.reaches('realtime');
    await done;
    expect(device.chat.error).toMatchObject({ code: 'lost' });
    expect(device.text).toBe('one ');
    await until('a saved answer', async () => (await workerd.seen()).finished.length > 0);
    expect((await workerd.seen()).finished).toEqual(['lost: one ']);

    const again = device.chat.sendMessage({ text: 'again' });
    await until('a model that is asked', async () => (await workerd.model('c')).calls > 0);
    await workerd.model('c', { say: 'anew' });
    await workerd.model('c', { finish: true });
    await again;
    expect(device.text).toBe('anew');
  });

  test('is found and saved by the alarm where nobody reads the chat', async () => {
    const { workerd, asked } = await setUp({ leaseMs: 6000, renewEveryMs: 300 });
    const { device } = await asked();
    await device.close();
    await workerd.restart();
    await until('a saved answer', async () => (await workerd.seen()).finished.length > 0);
    const { finished, requests } = await workerd.seen();
    expect(finished).toEqual(['lost: one ']);
    expect(requests).toEqual([]);
  });
});

describe('an object that nobody talks to', () => {
  test('leaves memory, keeps its sockets, and brings them the next answer', async () => {
    const { workerd, open, asked } = await setUp();
    const { device, done } = await asked();
    // A device whose socket seems to lag follows over HTTP as well, which keeps the object awake.
    const other = await open({ quietMs: 10_000, silenceMs: 10_000 });
    other.transport.watch('c', () => {});
    await other.reaches('realtime');
    await workerd.model('c', { finish: true });
    await done;
    const { starts } = await workerd.seen();
    // Asking would wake it, so it is left alone. The heartbeats of both devices go on meanwhile, and do not keep it awake.
    await until(
      'an object that was started again',
      async () => {
        await new Promise((resolve) => setTimeout(resolve, 12_000));
        await workerd.model('c');
        return (await workerd.seen()).starts > starts;
      },
      { deadlineMs: 50_000 },
    );
    device.http.reset();
    const again = device.chat.sendMessage({ text: 'again' });
    await until('a model that is asked', async () => (await workerd.model('c')).calls > 0);
    await workerd.model('c', { say: 'awake' });
    const shown = other.chat.resumeStream();
    await other.shows('awake');
    await workerd.model('c', { finish: true });
    await Promise.all([again, shown]);
    expect(other.sockets.accepted).toBe(1);
  });

  test('deletes the conversation after the retention, by its alarm', async () => {
    const { workerd, asked } = await setUp({ retentionMs: 5000 });
    const { device, done } = await asked();
    await workerd.model('c', { finish: true });
    await done;
    await device.close();
    expect(await workerd.rows('c')).toMatchObject({ runs: 1, chats: 1 });
    await until('an empty log', async () => {
      const { texts, runs, claims } = await workerd.rows('c');
      return texts === 0 && runs === 0 && claims === 0;
    });
    // Its turn is never given again.
    expect(await workerd.rows('c')).toEqual({ texts: 0, runs: 0, claims: 0, steers: 0, chats: 1 });
  });
});
