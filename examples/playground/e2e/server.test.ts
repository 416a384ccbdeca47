import { describe, expect, test } from 'vitest';
import { sameOnBoth } from './device.ts';
import { runServer } from './playground-server.ts';
import { setStage } from './stage.ts';

const stage = setStage();

describe('the server', () => {
  test('killed in mid-answer and started again: the answer goes on, and so does the chat', {
    timeout: 180_000,
  }, async () => {
    const chatId = stage.chatId();
    const [asking, watching] = await Promise.all([stage.open(chatId), stage.open(chatId)]);
    await asking.send('Tell me a story /tokens 200 /rate 50');
    await Promise.all([asking.reads(300), watching.reads(300)]);
    await stage.server.kill();
    await stage.server.restart();
    // The lease of the dead server's run must expire, one more heartbeat may pass, and the cut step is written again.
    for (const device of [asking, watching]) {
      await expect
        .poll(() => device.page.getByTestId('status').textContent(), { timeout: 60_000 })
        .toMatch(/ready|error/);
    }
    const left = await asking.answer();
    expect(left.length).toBeGreaterThanOrEqual(300);
    expect(await watching.answer()).toBe(left);

    await asking.send('Go on /rate 300');
    await watching.readsText('Go on');
    const messages = await sameOnBoth(asking, watching);
    expect(messages.map(({ role }) => role)).toEqual(['user', 'assistant', 'user', 'assistant']);
    expect(messages[1]?.text).toBe(left);
  });

  test('started again shows the chats of before', async () => {
    const chatId = stage.chatId();
    const before = await stage.open(chatId);
    await before.send('Remember me /rate 300');
    await before.readsText('Remember me');
    await before.shows('status', 'ready');
    const messages = await before.messages();
    await stage.server.restart();
    const after = await stage.open(chatId);
    await expect.poll(() => after.messages()).toEqual(messages);
  });

  test('names a port that is taken, and exits with 1', async () => {
    const { port } = new URL(stage.server.url);
    const { child, url, output } = await runServer({ PORT: port, CHAT_DB: ':memory:' });
    expect(url).toBe('');
    expect(output).toContain(`Port ${port} is taken`);
    expect(child.exitCode).toBe(1);
  });
});
