import { describe, expect, test } from 'vitest';
import { sameOnBoth } from './device.ts';
import { setStage } from './stage.ts';

const stage = setStage();
// Long enough that a busy machine cuts it in the middle, too.
const story = 'Tell me a story /tokens 600 /rate 50';

describe('a network that goes', () => {
  test.each([
    ['asking', 'closed'],
    ['asking', 'half-open'],
    ['watching', 'closed'],
    ['watching', 'half-open'],
  ] as const)('the %s device misses nothing after a cut (%s)', async (which, kind) => {
    const chatId = stage.chatId();
    const devices = { asking: await stage.open(chatId), watching: await stage.open(chatId) };
    const steady = which === 'asking' ? devices.watching : devices.asking;
    await devices.asking.send(story);
    await Promise.all([devices.asking.reads(200), devices.watching.reads(200)]);
    await devices[which].cut(kind);
    const atCut = (await devices[which].answer()).length;
    await steady.reads(atCut + 300);
    // What was on its way may still arrive; the rest does not.
    expect((await devices[which].answer()).length).toBeLessThan(atCut + 150);
    await devices[which].restore();
    const messages = await sameOnBoth(devices.asking, devices.watching, 60_000);
    expect(messages).toHaveLength(2);
    expect(await stage.server.modelCalls(chatId)).toMatchObject({ calls: 1, aborted: false });
    await devices[which].shows('connection', 'connected', 40_000);
  });

  test('a message sent while the network is gone arrives once it is back', async () => {
    const chatId = stage.chatId();
    const [asking, watching] = await Promise.all([stage.open(chatId), stage.open(chatId)]);
    await asking.cut('closed');
    await asking.shows('connection', 'offline');
    await asking.send('Are you there? /rate 200');
    await asking.restore();
    await watching.reads(100);
    const messages = await sameOnBoth(asking, watching);
    expect(messages).toHaveLength(2);
    expect((await stage.server.modelCalls(chatId)).calls).toBe(1);
  });
});

describe('a path that does not work', () => {
  test.each([
    ['sse', 'WebSockets are refused', ['Refuse WebSockets']],
    ['poll', 'WebSockets are refused and event streams held back', ['Refuse WebSockets', 'Hold back event streams']],
  ])('the watching device follows by %s when %s', async (path, _, blocked) => {
    const chatId = stage.chatId();
    const [asking, watching] = await Promise.all([stage.open(chatId), stage.open(chatId)]);
    await watching.breaks(...blocked);
    await expect.poll(() => watching.page.getByTestId('path').textContent()).not.toBe('realtime');
    await asking.send(story);
    await watching.reads(300);
    await watching.shows('path', path, 60_000);
    const messages = await sameOnBoth(asking, watching, 60_000);
    expect(messages).toHaveLength(2);
    expect((await stage.server.modelCalls(chatId)).calls).toBe(1);
  });

  test('responses are cut behind their headers: the asking device reads its answer another way', async () => {
    const chatId = stage.chatId();
    const [asking, watching] = await Promise.all([stage.open(chatId), stage.open(chatId)]);
    await asking.breaks('Cut responses');
    await asking.send(story);
    await asking.reads(200);
    expect(await asking.page.getByTestId('path').textContent()).toBe('realtime');
    await sameOnBoth(asking, watching);
    expect((await stage.server.modelCalls(chatId)).calls).toBe(1);
  });
});
