import type { Request } from 'playwright-core';
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
    // Nothing says that the chat is empty.
    expect(await device.page.getByRole('heading', { level: 2, name: 'Ask' }).count()).toBe(0);
    await device.breaks('Allowed');
    await device.press('Try again');
    await device.shows('connection', 'connected');
    await expect.poll(() => device.messages()).toEqual(messages);
  });

  test('sees that access was taken away in mid-answer, and all of the answer once it is back', async () => {
    const chatId = stage.chatId();
    const [device, other] = await Promise.all([stage.open(chatId), stage.open(chatId)]);
    await other.send('Tell me a story /tokens 3000 /rate 50');
    await device.reads(100);
    await device.breaks('Forbidden (403)');
    await device.shows('connection', 'refused');
    await device.page.getByText('You do not have access to this chat.').first().waitFor();
    await other.reads((await device.answer()).length + 200);
    await device.breaks('Allowed');
    await device.press('Try again');
    await device.shows('status', 'streaming');
    await device.press('Stop');
    expect(await sameOnBoth(device, other)).toHaveLength(2);
    expect((await stage.server.modelCalls(chatId)).calls).toBe(1);
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
    await watching.page.locator('[data-role="assistant"][data-writing="true"]').waitFor();
    await asking.press('Stop');
    await asking.shows('status', 'ready');
    await watching.shows('status', 'error');
    await watching.marked(/^Not sent\./);
    await watching.press('Send again');
    await asking.readsText('Me, too');
    const messages = await sameOnBoth(asking, watching);
    expect(messages.map(({ role }) => role)).toEqual(['user', 'assistant', 'user', 'assistant']);
  });

  test('keeps its text over a reload where another device’s answer was in its way', async () => {
    const chatId = stage.chatId();
    const [asking, watching] = await Promise.all([stage.open(chatId), stage.open(chatId)]);
    await watching.cut('closed');
    await asking.send('Tell me a story /tokens 3000 /rate 50');
    await asking.reads(60);
    await watching.send('Me, too /rate 300');
    await watching.restore();
    await watching.marked(/^Not sent\. .*answer/);
    await watching.page.reload();
    await watching.marked('Not sent. The page was loaded again before the server had it.');
    await expect
      .poll(async () => (await watching.messages()).map(({ role }) => role), { timeout: 20_000 })
      .toEqual(['user', 'assistant', 'user']);
    await asking.press('Stop');
    await watching.shows('status', 'ready');
    await watching.pressAt('Me, too', 'Send again');
    await asking.readsText('Me, too');
    const messages = await sameOnBoth(asking, watching);
    expect(messages.map(({ role }) => role)).toEqual(['user', 'assistant', 'user', 'assistant']);
    expect((await watching.marks()).filter((mark) => mark.startsWith('Not sent'))).toEqual([]);
  });

  test('as an edit beside the answer of another device keeps its text, also over a reload, until it is sent again', async () => {
    const chatId = stage.chatId();
    const [asking, watching] = await Promise.all([stage.open(chatId), stage.open(chatId)]);
    await asking.send('First /rate 300');
    const [question, answer] = await sameOnBoth(asking, watching);
    await watching.cut('closed');
    await asking.send('Tell me a story /tokens 3000 /rate 50');
    await asking.reads(60);
    await watching.edit('First', 'First, edited /rate 300');
    await watching.restore();
    await watching.marked(/^Edit not sent\./);
    // The conversation is shown as it is, and the new text beside it.
    await expect
      .poll(async () => (await watching.messages()).map(({ text }) => text), { timeout: 20_000 })
      .toEqual([
        question?.text,
        'First, edited /rate 300',
        answer?.text,
        'Tell me a story /tokens 3000 /rate 50',
        expect.stringContaining('You said'),
      ]);
    await watching.page.reload();
    await watching.marked('Edit not sent. The page was loaded again before the server had it.');
    await asking.press('Stop');
    await watching.shows('status', 'ready');
    await watching.pressAt('First, edited', 'Send again');
    await asking.readsText('First, edited');
    expect(await sameOnBoth(asking, watching)).toHaveLength(2);
  });

  test('as a regenerate beside the answer of another device is shown as refused, and takes no answer away', async () => {
    const chatId = stage.chatId();
    const [asking, watching] = await Promise.all([stage.open(chatId), stage.open(chatId)]);
    await asking.send('First /rate 300');
    const before = await sameOnBoth(asking, watching);
    await watching.cut('closed');
    await asking.send('Tell me a story /tokens 3000 /rate 50');
    await asking.reads(60);
    await watching.press('Regenerate');
    await watching.restore();
    await watching.marked(/^Not answered again\./);
    await watching.reads((await asking.answer()).length);
    expect((await watching.messages()).slice(0, 2)).toEqual(before);
    await watching.marked(/^Not answered again\./);
    await watching.press('Discard');
    await asking.press('Stop');
    const messages = await sameOnBoth(asking, watching);
    expect(messages.slice(0, 2)).toEqual(before);
    await watching.page.reload();
    await expect.poll(() => watching.messages()).toEqual(messages);
  });

  test.each([
    ['before it has left the page', undefined],
    ['while it is on its way', 'request'],
    ['while its answer is on its way', 'response'],
  ] as const)('and whose page is loaded again %s is answered, or marked until it is sent again', async (_, event) => {
    const chatId = stage.chatId();
    const [device, other] = await Promise.all([stage.open(chatId), stage.open(chatId)]);
    const isPost = (request: Request): boolean => request.method() === 'POST' && request.url().endsWith('/api/chat');
    const seen = {
      request: () => device.page.waitForRequest(isPost),
      response: () => device.page.waitForResponse((response) => isPost(response.request())),
    };
    const moment = event && seen[event]();
    await device.send('Do not lose me /rate 300');
    await moment;
    await device.page.reload();
    const kept = device.page.getByTestId('kept');
    await device.page.getByText('Do not lose me').first().waitFor();
    // What is kept disappears where the server has the message after all.
    await expect
      .poll(async () => (await kept.count()) > 0 || (await device.answer()).includes('Do not lose me'), {
        timeout: 20_000,
      })
      .toBe(true);
    // It may go in the meantime.
    if ((await kept.count()) > 0) await device.press('Send again').catch(() => undefined);
    await other.readsText('Do not lose me');
    expect((await sameOnBoth(device, other)).map(({ role }) => role)).toEqual(['user', 'assistant']);
    expect((await stage.server.modelCalls(chatId)).calls).toBe(1);
  });

  test('and that the server has is never shown as not sent, however late the loaded page reads the conversation', async () => {
    const chatId = stage.chatId();
    const [device, other] = await Promise.all([stage.open(chatId), stage.open(chatId)]);
    const { page } = device;
    let release = (): void => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    // The send arrives, and the page hears of nothing until it is released.
    await page.route(/\/api\/chat$/, async (route) => {
      const body = route.request().postData();
      const headers = { 'content-type': 'application/json' };
      if (body) await fetch(`${stage.server.url}/api/chat`, { method: 'POST', headers, body });
      else await route.continue();
    });
    await page.route(new RegExp(`/api/chat/${chatId}`), async (route) => {
      await released;
      await route.continue();
    });
    await device.breaks('Refuse WebSockets');
    await device.send('Do not lose me /rate 300');
    await other.readsText('Do not lose me');
    await device.page.getByText('Sending…').waitFor();
    await page.addInitScript(() => {
      new MutationObserver(() => {
        if (document.querySelector('[data-testid="kept"]')) document.documentElement.dataset.hadKept = 'yes';
      }).observe(document, { childList: true, subtree: true });
    });
    await page.reload();
    await other.shows('status', 'ready');
    // Longer than the page would wait for a conversation that it takes for empty.
    await other.send('And now? /tokens 60 /rate 20');
    await other.readsText('And now?');
    await other.shows('status', 'ready');
    release();
    await device.readsText('And now?');
    expect(await sameOnBoth(device, other)).toHaveLength(4);
    expect(await page.evaluate(() => document.documentElement.dataset.hadKept)).toBeUndefined();
  });

  test.each([
    ['over a socket', []],
    ['over HTTP', ['Refuse WebSockets']],
  ])('right behind a stop is answered, %s', async (_, blocked) => {
    const chatId = stage.chatId();
    const [asking, watching] = await Promise.all([stage.open(chatId), stage.open(chatId)]);
    if (blocked.length > 0) await asking.breaks(...blocked);
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

  test('is written once, also where a refused message stands behind the answer', async () => {
    const device = await stage.open(stage.chatId());
    await device.breaks('Read only (403 for all else)');
    await device.send('Second');
    await device.marked('Not sent. You may not write in this chat.');
    await device.breaks('Allowed');
    await device.send('Fail /error /rate 200');
    await device.marked('Cut short. The scripted model failed, as /error asked.');
    await device.shows('status', 'error');
    const { text } = (await device.messages()).at(-1) ?? {};
    expect(text).toBe('Second');
    expect(await device.page.getByRole('button', { name: 'Dismiss' }).count()).toBe(0);
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
