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

  test('keeps the text of a message and of an edit that were refused, over a reload, until they are sent', async () => {
    const chatId = stage.chatId();
    const [device, other] = await Promise.all([stage.open(chatId), stage.open(chatId)]);
    await device.send('First /rate 300');
    await sameOnBoth(device, other);
    await device.breaks('Forbidden (403)');
    await device.edit('First', 'First, edited /rate 300');
    await device.marked('Edit not sent. You may not write in this chat.');
    await device.send('Second /rate 300');
    await device.marked('Not sent. You may not write in this chat.');
    await device.page.reload();
    await device.marked('Not sent. The page was loaded again before the server had it.');
    await device.marked('Edit not sent. The page was loaded again before the server had it.');
    await device.breaks('Allowed');
    await device.press('Try again');
    await expect.poll(async () => (await device.messages()).map(({ role }) => role)).toContain('assistant');
    await device.pressAt('Second /rate 300', 'Send again');
    await other.readsText('Second');
    await Promise.all([device.shows('status', 'ready'), other.shows('status', 'ready')]);
    await device.pressAt('First, edited /rate 300', 'Send again');
    await other.readsText('First, edited');
    expect((await sameOnBoth(device, other)).map(({ text }) => text.split('You said:')[0])).toEqual([
      'First, edited /rate 300',
      '',
    ]);
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

describe('how an answer ended', () => {
  test('is written below it on both devices, also after a reload', async () => {
    const chatId = stage.chatId();
    const [asking, watching] = await Promise.all([stage.open(chatId), stage.open(chatId)]);
    await asking.send('Tell me a story /tokens 2000 /rate 50');
    await watching.reads(100);
    await watching.press('Stop');
    await asking.shows('status', 'ready');
    await asking.send('Fail /error /rate 200');
    const marks = ['Stopped.', 'Cut short. The scripted model failed, as /error asked.'];
    for (const device of [asking, watching]) {
      for (const mark of marks) await device.marked(mark);
      await device.page.reload();
      for (const mark of marks) await device.marked(mark);
    }
  });

  test('leads to another answer: a failed one can be tried again, and a whole one regenerated', async () => {
    const chatId = stage.chatId();
    const [asking, watching] = await Promise.all([stage.open(chatId), stage.open(chatId)]);
    await asking.send('Fail /error /rate 200');
    await watching.marked(/^Cut short\./);
    const [, failed] = await watching.messages();
    await watching.press('Try again');
    await expect.poll(async () => (await asking.messages())[1]?.nonce).not.toBe(failed?.nonce);
    await asking.edit('Fail', 'Do not fail /rate 200');
    await watching.readsText('Do not fail');
    const [, whole] = await sameOnBoth(asking, watching);
    await asking.press('Regenerate');
    await expect.poll(async () => (await watching.messages())[1]?.nonce).not.toBe(whole?.nonce);
    expect(await sameOnBoth(asking, watching)).toHaveLength(2);
  });

  test('is known for a steering text that came too late: it can be sent as a message', async () => {
    const chatId = stage.chatId();
    const device = await stage.open(chatId);
    await device.send('Wait for me /tokens 30 /rate 100 /silence 60');
    await device.reads(40);
    await device.page.getByRole('textbox', { name: 'Message' }).fill('Mention otters /rate 300');
    await device.press('Steer');
    await device.page.getByText('Waits for the answer’s next step').waitFor();
    await device.press('Stop');
    await device.marked(/^Not delivered\./);
    await device.press('Send as message');
    await device.readsText('Mention otters');
    await device.shows('status', 'ready');
    expect(await device.page.getByTestId('note').count()).toBe(0);
  });
});
