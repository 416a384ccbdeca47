import { describe, expect, test } from 'vitest';
import { sameOnBoth } from './device.ts';
import { setStage } from './stage.ts';

const stage = setStage();

describe('tools on two devices', () => {
  test('the page of the asking device answers its tool, once', async () => {
    const chatId = stage.chatId();
    const [asking, watching] = await Promise.all([stage.open(chatId), stage.open(chatId)]);
    await asking.send('Read my page /client-tool /rate 200');
    await watching.readsText('The tool readPage answered');
    const messages = await sameOnBoth(asking, watching);
    expect(messages).toHaveLength(2);
    expect((await stage.server.modelCalls(chatId)).calls).toBe(2);
  });

  test.each([
    ['Approve', 'The tool launch answered'],
    ['Deny', 'You denied launch'],
  ])('%s on the other device goes on everywhere', async (button, sentence) => {
    const chatId = stage.chatId();
    const [asking, watching] = await Promise.all([stage.open(chatId), stage.open(chatId)]);
    await asking.send('Launch the rocket /approval /rate 200');
    await watching.press(button);
    await asking.readsText(sentence);
    const messages = await sameOnBoth(asking, watching);
    expect(messages).toHaveLength(2);
    expect((await stage.server.modelCalls(chatId)).calls).toBe(2);
  });

  test('two approvals of one message, one answered on each device, are both shown everywhere, and it goes on once', async () => {
    const chatId = stage.chatId();
    const [asking, watching] = await Promise.all([stage.open(chatId), stage.open(chatId)]);
    await asking.send('Launch both /approvals 2 /rate 200');
    for (const device of [asking, watching]) await device.showsTools('approval-requested', 'approval-requested');
    await asking.tool(0).getByRole('button', { name: 'Approve' }).click();
    for (const device of [asking, watching]) await device.showsTools('approval-responded', 'approval-requested');
    await asking.page.reload();
    await asking.showsTools('approval-responded', 'approval-requested');
    await watching.tool(1).getByRole('button', { name: 'Deny' }).click();
    await asking.readsText('You denied launch');
    const messages = await sameOnBoth(asking, watching);
    expect(messages).toHaveLength(2);
    expect(messages[1]?.text).toContain('The tool launch answered {"launched":"Launch both"}');
    for (const device of [asking, watching]) await device.showsTools('output-available', 'output-denied');
    expect((await stage.server.modelCalls(chatId)).calls).toBe(2);
  });

  test('two approvals of one message that are given in the same instant on two devices go on once', async () => {
    const chatId = stage.chatId();
    const devices = await Promise.all([stage.open(chatId), stage.open(chatId)]);
    const [asking, watching] = devices;
    await asking.send('Launch both /approvals 2 /rate 200');
    for (const device of devices) await device.showsTools('approval-requested', 'approval-requested');
    await Promise.all(
      devices.map((device, index) => device.tool(index).getByRole('button', { name: 'Approve' }).click()),
    );
    await asking.readsText('"launched":"Launch both-2"');
    expect(await sameOnBoth(asking, watching)).toHaveLength(2);
    for (const device of devices) await device.showsTools('output-available', 'output-available');
    expect((await stage.server.modelCalls(chatId)).calls).toBe(2);
  });

  test('a tool output of a megabyte and the reasoning reach both', async () => {
    const chatId = stage.chatId();
    const [asking, watching] = await Promise.all([stage.open(chatId), stage.open(chatId)]);
    await asking.send('Report /big 1mb /reasoning /rate 200');
    await watching.readsText('1000000 characters');
    const messages = await sameOnBoth(asking, watching);
    expect(messages[1]?.text).toContain('1,000,000 characters');
    expect(messages[1]?.text).toContain('Reasoning');
  });

  test('a failed answer shows its error on both devices', async () => {
    const chatId = stage.chatId();
    const [asking, watching] = await Promise.all([stage.open(chatId), stage.open(chatId)]);
    await asking.send('Fail /error /rate 200');
    for (const device of [asking, watching]) {
      await device.shows('status', 'error');
      expect(await device.page.getByRole('alert').textContent()).toContain('The scripted model failed');
    }
  });
});
