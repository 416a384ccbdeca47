import { until } from '@chat-transport/local-services';
import { expect, test, vi } from 'vitest';
import { appWithoutProxy, signature } from './support/app-without-proxy.ts';

const message = { id: 'm', role: 'user' as const, parts: [{ type: 'text' as const, text: 'hi' }] };

/** An answer whose first two words are published, and whose third word only the log has. The clock stands still. */
async function stage(thirdWord: 'waiting' | 'refused') {
  const clock = vi.spyOn(Date, 'now').mockReturnValue(Date.now());
  const app = await appWithoutProxy();
  await app.handler.runtime.start({ chatId: 'c', messages: [message] });
  const call = await app.model.call();
  const publish = async (word: string): Promise<string> => {
    call.say(word);
    await until(`a message with "${word}"`, () => app.items.some((item) => JSON.stringify(item).includes(word)));
    return app.items.at(-1)?.id ?? '';
  };
  const [, run, from] = (await publish('one ')).split(':');
  await publish('two ');
  app.publishing(thirdWord);
  call.say('three ');
  const plain = new AbortController();
  const logged = await app.request('/c/stream', { signal: plain.signal });
  const reader = logged.body?.pipeThrough(new TextDecoderStream()).getReader();
  for (let text = ''; !text.includes('three '); ) text += (await reader?.read())?.value ?? '';
  plain.abort();
  /** What a reader gets that has the first word. */
  const held = async (): Promise<{ text: string; previousId: string | undefined }> => {
    const response = await app.request(`/c/stream?run=${run}&from=${from}`, { headers: { 'grip-sig': signature() } });
    const [, previousId] = /^chat-c; prev-id=([^,]+)/.exec(response.headers.get('grip-channel') ?? '') ?? [];
    return { text: await response.text(), previousId };
  };
  return { app, clock, held };
}

test('a stream that is held while text is on its way to the proxy continues where that text does', async () => {
  const { app, held } = await stage('waiting');
  const { text, previousId } = await held();
  expect(text).toContain('two ');
  expect(text).not.toContain('three ');
  expect(previousId).toBe(app.items.at(-1)?.id);
});

test('a stream that is held when nothing was published for a while gets all that the log has', async () => {
  const { clock, held } = await stage('waiting');
  clock.mockReturnValue(Date.now() + 2_000);
  expect((await held()).text).toContain('three ');
});

test('a stream that is held after a message was lost gets it from the log', async () => {
  const { held } = await stage('refused');
  await until('the lost word', async () => (await held()).text.includes('three '));
});
