import type { UIMessage } from 'ai';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type OwnSend, syncChat } from '../../src/index.ts';
import { type Device, texts, until, World } from '../support/world.ts';

/** Far above what a small send has, and far below an image. */
const smallBytes = 4096;
/** Megabytes take their time on a busy machine, and no network fails here. */
const patient = { timings: undefined };
const patienceMs = 30_000;
const image = (name: string, bytes: number): UIMessage['parts'][number] => ({
  type: 'file',
  mediaType: 'image/png',
  filename: name,
  url: `data:image/png;base64,${'A'.repeat(bytes)}`,
});

/** A chat of a device, and the sizes of the bodies that it sends. */
function opened(device: Device, messages: UIMessage[] = []) {
  const sizes: number[] = [];
  device.network.intercept = (request, forward) => {
    if (request.method !== 'POST' || !request.url.endsWith('/api/chat')) return undefined;
    return request
      .clone()
      .text()
      .then((body) => {
        sizes.push(body.length);
        return forward();
      });
  };
  const chat = device.chat('c', { messages });
  const sync = syncChat(chat, device.transport);
  onTestFinished(sync);
  return { chat, sizes, unsent: (): readonly OwnSend[] => sync.getReport().unsent };
}

type Opened = ReturnType<typeof opened>;

/** Answers what `send` asks, and waits until the device shows all of it. */
async function answered(world: World, { chat, unsent }: Opened, send: () => Promise<void>): Promise<UIMessage[]> {
  const index = world.model.calls.length;
  const answer = `answer ${index}`;
  const sending = send();
  const call = await Promise.race([world.model.call(index), sending.then(() => undefined)]);
  if (!call) throw chat.error;
  call.say(answer);
  call.finish();
  await sending;
  await until(
    () => texts(chat).includes(`assistant: ${answer}`) && unsent().every(({ state }) => state === 'refused'),
    () => [chat.status, texts(chat), String(chat.error), unsent().map(({ state }) => state)],
    patienceMs,
  );
  return call.messages;
}

describe('a conversation with two images of 2.3 MB', { timeout: 180_000 }, () => {
  /** Two messages, each with an image, and their answers. */
  async function withImages() {
    const world = new World();
    const first = opened(world.device(patient));
    for (const name of ['cat.png', 'dog.png']) {
      const parts = [{ type: 'text' as const, text: name }, image(name, 2_300_000)];
      await answered(world, first, () => first.chat.sendMessage({ role: 'user', parts }));
    }
    first.sizes.length = 0;
    return { world, first };
  }
  const names = (messages: readonly UIMessage[]): unknown[] =>
    messages.flatMap(({ parts }) => parts.flatMap((part) => (part.type === 'file' ? [part.filename] : [])));

  it('takes ten more messages, which carry no image, and the model sees both images', async () => {
    const { world, first } = await withImages();
    for (let count = 1; count <= 10; count += 1)
      expect(names(await answered(world, first, () => first.chat.sendMessage({ text: `more ${count}` })))).toEqual([
        'cat.png',
        'dog.png',
      ]);
    expect(first.sizes).toHaveLength(10);
    expect(Math.max(...first.sizes)).toBeLessThan(smallBytes);
  });

  it('takes messages, edits and regenerates from a page that was loaded again, which carry no image', async () => {
    const { world, first } = await withImages();
    await answered(world, first, () => first.chat.sendMessage({ text: 'what is it?' }));
    const page = opened(world.device(patient));
    await until(
      () => page.chat.messages.length === 6,
      () => texts(page.chat),
      patienceMs,
    );
    expect(page.chat.messages).toEqual(JSON.parse(JSON.stringify(first.chat.messages)));
    for (const send of [
      () => page.chat.sendMessage({ text: 'and now?' }),
      () => page.chat.regenerate(),
      () => page.chat.sendMessage({ text: 'which is it?', messageId: page.chat.messages[4]?.id as string }),
      () => page.chat.sendMessage({ text: 'thank you' }),
    ])
      expect(names(await answered(world, page, send))).toEqual(['cat.png', 'dog.png']);
    expect(page.sizes).toHaveLength(4);
    expect(Math.max(...page.sizes)).toBeLessThan(smallBytes);
    expect(texts(page.chat).filter((text) => text.startsWith('user:'))).toEqual([
      'user: cat.png',
      'user: dog.png',
      'user: which is it?',
      'user: thank you',
    ]);
  });
});

describe('a message of 6 MB that was refused', () => {
  const large = { role: 'user' as const, parts: [image('large.png', 6_000_000)] };

  it('makes no later send too large, and stays marked', async () => {
    const world = new World();
    const page = opened(world.device(patient));
    await answered(world, page, () => page.chat.sendMessage({ text: 'hi' }));
    await page.chat.sendMessage(large);
    expect(page.chat.error).toMatchObject({ code: 'too-large' });
    page.sizes.length = 0;
    for (const text of ['smaller', 'and smaller']) {
      const seen = await answered(world, page, () => page.chat.sendMessage({ text }));
      expect(seen.flatMap(({ parts }) => parts).map(({ type }) => type)).not.toContain('file');
    }
    expect(Math.max(...page.sizes)).toBeLessThan(smallBytes);
    expect(page.unsent()).toMatchObject([{ kind: 'message', state: 'refused', error: { code: 'too-large' } }]);
  });

  it('as the first message of a chat makes no later send too large', async () => {
    const world = new World();
    const page = opened(world.device(patient));
    await page.chat.sendMessage(large);
    expect(page.chat.error).toMatchObject({ code: 'too-large' });
    page.sizes.length = 0;
    await answered(world, page, () => page.chat.sendMessage({ text: 'smaller' }));
    await answered(world, page, () => page.chat.sendMessage({ text: 'and smaller' }));
    expect(Math.max(...page.sizes)).toBeLessThan(smallBytes);
  });

  it('is gone after a reload, and later sends of the loaded page are small', async () => {
    const world = new World();
    const before = opened(world.device(patient));
    await answered(world, before, () => before.chat.sendMessage({ text: 'hi' }));
    await before.chat.sendMessage(large);
    expect(before.chat.error).toMatchObject({ code: 'too-large' });
    const page = opened(world.device(patient));
    await until(() => texts(page.chat).join() === 'user: hi,assistant: answer 0');
    await answered(world, page, () => page.chat.sendMessage({ text: 'smaller' }));
    expect(Math.max(...page.sizes)).toBeLessThan(smallBytes);
  });

  it('makes no send too large after a reload of a page that keeps its messages itself', async () => {
    const world = new World();
    const before = opened(world.device(patient));
    await answered(world, before, () => before.chat.sendMessage({ text: 'hi' }));
    await before.chat.sendMessage(large);
    const page = opened(world.device(patient), structuredClone(before.chat.messages));
    await answered(world, page, () => page.chat.sendMessage({ text: 'smaller' }));
    expect(texts(page.chat)).toEqual(['user: hi', 'assistant: answer 0', 'user: smaller', 'assistant: answer 1']);
  });

  it('in a plain useChat makes no later send too large', async () => {
    const world = new World();
    const chat = world.device(patient).chat('c');
    void chat.sendMessage({ text: 'hi' });
    (await world.model.call()).finish();
    await until(() => chat.status === 'ready');
    await chat.sendMessage(large);
    expect(chat.error).toMatchObject({ code: 'too-large' });
    const sending = chat.sendMessage({ text: 'smaller' });
    const call = await Promise.race([world.model.call(1), sending.then(() => undefined)]);
    expect(String(chat.error)).toBe('undefined');
    call?.finish();
    await sending;
  });
});
