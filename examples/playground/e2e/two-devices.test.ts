import { describe, expect, test } from 'vitest';
import { sameOnBoth } from './device.ts';
import { setStage } from './stage.ts';

const stage = setStage();

describe('two devices', () => {
  test('show the same answer while it is written, and it is generated once', async () => {
    const chatId = stage.chatId();
    const [asking, watching] = await Promise.all([stage.open(chatId), stage.open(chatId)]);
    await asking.send('Tell me a story /tokens 250 /rate 60');
    await watching.reads(200);
    expect(await watching.page.getByTestId('status').textContent()).toBe('streaming');
    const messages = await sameOnBoth(asking, watching);
    expect(messages.map(({ role }) => role)).toEqual(['user', 'assistant']);
    expect(messages[1]?.nonce).toMatch(/^[0-9a-f-]{36}$/);
    expect((await stage.server.modelCalls(chatId)).calls).toBe(1);
  });

  test('take turns in one chat', async () => {
    const chatId = stage.chatId();
    const [one, two] = await Promise.all([stage.open(chatId), stage.open(chatId)]);
    await one.send('First /rate 500');
    await sameOnBoth(one, two);
    await two.send('Second /rate 500');
    await two.readsText('Second');
    const messages = await sameOnBoth(one, two);
    expect(messages.map(({ role }) => role)).toEqual(['user', 'assistant', 'user', 'assistant']);
    expect((await stage.server.modelCalls(chatId)).calls).toBe(2);
  });

  test.each(['asking', 'watching'] as const)('miss nothing when the %s one reloads in mid-sentence', async (which) => {
    const chatId = stage.chatId();
    const devices = { asking: await stage.open(chatId), watching: await stage.open(chatId) };
    await devices.asking.send('Tell me a story /tokens 250 /rate 50');
    await devices[which].reads(300);
    await devices[which].page.reload();
    await devices[which].reads(300);
    const messages = await sameOnBoth(devices.asking, devices.watching);
    expect(messages).toHaveLength(2);
    expect((await stage.server.modelCalls(chatId)).calls).toBe(1);
  });

  test('show a steering note of either one, and the model takes it up', async () => {
    const chatId = stage.chatId();
    const [asking, watching] = await Promise.all([stage.open(chatId), stage.open(chatId)]);
    await asking.send('Tell me a story /tokens 400 /rate 60');
    await watching.reads(100);
    await watching.page.getByRole('textbox', { name: 'Message' }).fill('Make it about otters /rate 300');
    await watching.press('Steer');
    await asking.readsText('Make it about otters');
    const messages = await sameOnBoth(asking, watching);
    expect(messages[1]?.text.match(/Make it about otters/g)?.length).toBeGreaterThanOrEqual(2);
  });

  test('go on writing while a device looks at another view', async () => {
    const chatId = stage.chatId();
    const [asking, watching] = await Promise.all([stage.open(chatId), stage.open(chatId)]);
    await asking.send('Tell me a story /tokens 250 /rate 60');
    await asking.reads(100);
    await asking.page.getByRole('link', { name: 'About' }).click();
    await asking.page.getByRole('heading', { name: 'The answer goes on' }).waitFor();
    await watching.reads(600);
    await asking.page.getByRole('link', { name: 'Chat' }).click();
    await sameOnBoth(asking, watching);
    expect(await stage.server.modelCalls(chatId)).toMatchObject({ calls: 1, aborted: false });
  });
});

describe('stop', () => {
  test.each([
    ['while the model speaks', 'Tell me a story /tokens 3000 /rate 50', 200],
    ['while the model is silent', 'Tell me a story /tokens 40 /rate 200 /silence 20', 60],
  ])('in the other device ends the answer everywhere, %s', async (_, prompt, length) => {
    const chatId = stage.chatId();
    const [asking, watching] = await Promise.all([stage.open(chatId), stage.open(chatId)]);
    await asking.send(prompt);
    await Promise.all([asking.reads(length), watching.reads(length)]);
    await watching.press('Stop');
    await expect.poll(() => stage.server.modelCalls(chatId), { timeout: 5000 }).toMatchObject({ aborted: true });
    const stopped = await stage.server.modelCalls(chatId);
    const messages = await sameOnBoth(asking, watching);
    expect(messages[1]?.text.length).toBeGreaterThanOrEqual(length);

    // Another chat's answer takes its time; the stopped model has said nothing meanwhile.
    const other = await stage.open(stage.chatId());
    await other.send('Tell me a story /tokens 60 /rate 60');
    await other.reads(200);
    await other.shows('status', 'ready');
    expect((await stage.server.modelCalls(chatId)).chunks).toBe(stopped.chunks);
  });
});
