import { describe, expect, test } from 'vitest';
import { sameOnBoth } from './device.ts';
import { setStage } from './stage.ts';

const stage = setStage();

describe('a device that may not', () => {
  test.each([
    ['Signed out (401)', 'You are signed out. Sign in to use this chat.'],
    ['Forbidden (403)', 'You do not have access to this chat.'],
  ])('sees why when it loads the page, and the conversation once access is back: %s', async (access, sentence) => {
    const chatId = stage.chatId();
    const device = await stage.open(chatId);
    await device.send('Remember me /rate 300');
    await device.shows('status', 'ready');
    const messages = await device.messages();
    await device.breaks(access);
    await device.page.reload();
    await device.shows('connection', 'refused');
    await device.page.getByText(sentence).first().waitFor();
    expect(await device.messages()).toEqual([]);
    await device.breaks('Allowed');
    await device.press('Try again');
    await device.shows('connection', 'connected');
    await expect.poll(() => device.messages()).toEqual(messages);
  });

  test('sees that its answer to an approval was refused, and can give it again', async () => {
    const chatId = stage.chatId();
    const [device, other] = await Promise.all([stage.open(chatId), stage.open(chatId)]);
    await device.send('Launch the rocket /approval /rate 300');
    await device.page.getByRole('button', { name: 'Approve' }).waitFor();
    await device.breaks('Signed out (401)');
    await device.press('Approve');
    await device.marked('Your answer was not sent. You are signed out. Sign in to use this chat.');
    await device.breaks('Allowed');
    await device.press('Send again');
    await other.readsText('The tool launch answered');
    await sameOnBoth(device, other);
    expect((await stage.server.modelCalls(chatId)).calls).toBe(2);
  });

  test('reads on where it may only read: a stop and an edit are refused, and the text of the edit stays', async () => {
    const chatId = stage.chatId();
    const [device, other] = await Promise.all([stage.open(chatId), stage.open(chatId)]);
    await device.breaks('Read only (403 for all else)');
    await other.send('Tell me a story /tokens 3000 /rate 50');
    await device.reads(100);
    await device.press('Stop');
    await device.page.getByText('Not stopped. You may not stop or steer answers in this chat.').waitFor();
    await device.reads((await device.answer()).length + 200);
    expect(await stage.server.modelCalls(chatId)).toMatchObject({ aborted: false });
    await other.press('Stop');
    await sameOnBoth(device, other);
    const before = await other.messages();
    await device.edit('Tell me a story', 'Tell me a joke /rate 300');
    await device.marked('Edit not sent. You may not write in this chat.');
    await expect
      .poll(async () => (await device.messages()).map(({ text }) => text))
      .toEqual([before[0]?.text, 'Tell me a joke /rate 300', before[1]?.text]);
    await device.breaks('Allowed');
    await device.press('Send again');
    await other.readsText('Tell me a joke');
    expect(await sameOnBoth(device, other)).toHaveLength(2);
  });
});

describe('a send that comes at a bad time', () => {
  test('beside the answer of another device is shown as not sent, and sent again behind it', async () => {
    const chatId = stage.chatId();
    const [asking, watching] = await Promise.all([stage.open(chatId), stage.open(chatId)]);
    // The watching device does not hear of the answer, so its button still says Send.
    await watching.cut('closed');
    await asking.send('Tell me a story /tokens 3000 /rate 50');
    await asking.reads(60);
    await watching.send('Me, too /rate 300');
    await watching.restore();
    await watching.marked(/^Not sent\. .*answer/);
    // The other answer appears in front of it, and takes nothing away.
    await expect
      .poll(async () => (await watching.messages()).map(({ role }) => role), { timeout: 20_000 })
      .toEqual(['user', 'assistant', 'user']);
    await asking.press('Stop');
    await asking.shows('status', 'ready');
    await watching.shows('status', 'error');
    await watching.marked(/^Not sent\./);
    await watching.press('Send again');
    await asking.readsText('Me, too');
    const messages = await sameOnBoth(asking, watching);
    expect(messages.map(({ role }) => role)).toEqual(['user', 'assistant', 'user', 'assistant']);
  });

  test('right behind a stop is answered', async () => {
    const chatId = stage.chatId();
    const [asking, watching] = await Promise.all([stage.open(chatId), stage.open(chatId)]);
    await asking.send('Tell me a story /tokens 2000 /rate 50');
    await watching.reads(200);
    await asking.press('Stop');
    await asking.send('Something else /rate 300');
    await watching.readsText('Something else');
    const messages = await sameOnBoth(asking, watching);
    expect(messages.map(({ role }) => role)).toEqual(['user', 'assistant', 'user', 'assistant']);
    await watching.marked('Stopped.');
  });
});
