import type { UIMessage, UIMessageChunk } from 'ai';
import { expect } from 'vitest';
import type { Device } from '../device.ts';
import type { ProviderCase } from '../provider-case.ts';
import { until } from '../wait.ts';
import { sampleChunks, unknownChunks } from './sample-chunks.ts';

/** What arrives, in which order, and how soon. */
export const deliveryCases: readonly ProviderCase[] = [
  {
    id: 'delivery/answer',
    title: 'shows the answer as it is said, over realtime, and exactly as it is saved',
    async run(stage) {
      const { device, chat, call, done } = await stage.sent();
      await device.reaches('c', 'realtime');
      for (const word of ['one ', 'two ', 'three']) {
        call.say(word);
        await stage.shows(chat, word);
      }
      call.finish();
      await done;
      expect(chat.seen).toEqual({ texts: ['user: hi', 'assistant: one two three'], status: 'ready' });
      const saved = await stage.finish();
      expect(plain(saved.messages)).toEqual(plain(chat.messages));
      stage.expectInStep(chat);
    },
  },
  {
    id: 'delivery/realtime-alone',
    title: 'goes on over realtime when the response is cut',
    async run(stage) {
      const { device, chat, call, done } = await stage.sent();
      await device.reaches('c', 'realtime');
      call.say('one ');
      await stage.shows(chat, 'one');
      device.http.cut();
      call.say('two ');
      await stage.shows(chat, 'two');
      call.finish();
      await done;
      expect(chat.texts).toEqual(['user: hi', 'assistant: one two ']);
      stage.expectInStep(chat);
    },
  },
  {
    id: 'delivery/order',
    title: 'keeps the order of a fast answer over realtime alone',
    async run(stage) {
      const { device, chat, call, done } = await stage.sent();
      await device.reaches('c', 'realtime');
      call.say('go ');
      await stage.shows(chat, 'go');
      device.http.cut();
      const words = Array.from({ length: 300 }, (_, index) => `w${index}`);
      for (const word of words) {
        call.paragraph();
        call.say(word);
        await call.drained();
      }
      // What a service did not bring in order is fetched.
      device.http.restore();
      call.finish();
      await done;
      expect(chat.text).toBe(['go ', ...words].join('|'));
      stage.expectInStep(chat);
    },
  },
  {
    id: 'delivery/every-chunk',
    title: 'passes every type of chunk with every field',
    run: (stage) => passes(stage, sampleChunks),
  },
  {
    id: 'delivery/unknown-chunk',
    title: 'passes chunks and fields that nobody knows yet',
    run: (stage) => passes(stage, unknownChunks),
  },
  {
    id: 'delivery/two-at-once',
    title: 'keeps two texts apart that are said at the same time',
    async run(stage) {
      const { chat, call, done } = await stage.sent();
      call.push({ type: 'reasoning-start', id: '0' }, { type: 'text-start', id: 'other' });
      for (const word of ['one ', 'two ', 'three ']) {
        call.push(
          { type: 'text-delta', id: 'other', delta: `(${word})` },
          { type: 'reasoning-delta', id: '0', delta: word },
        );
        call.say(word);
      }
      call.push({ type: 'text-end', id: 'other' }, { type: 'reasoning-end', id: '0' });
      call.finish();
      await done;
      expect(chat.text).toBe('one two three |(one )(two )(three )');
      expect(chat.messages[1]?.parts.find(({ type }) => type === 'reasoning')).toMatchObject({
        text: 'one two three ',
      });
      stage.expectInStep(chat);
    },
  },
  {
    id: 'delivery/first-word',
    title: 'shows the first word without a row of round trips in front of it',
    async run(stage) {
      const device = await stage.device();
      const oneWayMs = 80;
      const slow = { up: { delayMs: oneWayMs }, down: { delayMs: oneWayMs } };
      device.http.set(slow);
      device.realtime.set(slow);
      const chat = device.chat('c');
      const from = performance.now();
      const done = chat.sendMessage({ text: 'hi' });
      const call = await stage.model.call();
      call.say('first ');
      await stage.shows(chat, 'first');
      // One round trip carries the question and the word; another two are for a machine that is busy.
      expect(performance.now() - from).toBeLessThan(3 * 2 * oneWayMs);
      call.finish();
      await done;
    },
  },
  {
    id: 'delivery/rate',
    title: 'keeps up with a thousand chunks per second',
    async run(stage) {
      const { device, chat, call, done } = await stage.sent();
      await device.reaches('c', 'realtime');
      const count = 1500;
      const from = performance.now();
      for (let said = 0; said < count; ) {
        await new Promise((resolve) => setTimeout(resolve, 10));
        const due = Math.min(count, Math.floor(performance.now() - from));
        for (; said < due; said += 1) call.say(`${said} `);
      }
      const saidAt = performance.now();
      await stage.shows(chat, `${count - 1} `);
      expect(performance.now() - saidAt).toBeLessThan(1000);
      call.finish();
      await done;
      expect(chat.text).toBe(Array.from({ length: count }, (_, index) => `${index} `).join(''));
      stage.expectInStep(chat);
    },
  },
  {
    id: 'delivery/failure',
    title: 'tells a failed answer as an error, and keeps what was said',
    async run(stage) {
      const { chat, call, done } = await stage.sent();
      call.say('half ');
      await stage.shows(chat, 'half');
      call.fail(new Error('the secret reason'));
      await done;
      expect(chat.status).toBe('error');
      expect(chat.error?.message).not.toContain('secret');
      expect(chat.text).toBe('half ');
      expect((await stage.finish()).outcome).toBe('error');
    },
  },
];

/** What JSON keeps of a value. */
export function plain<T>(value: T): T {
  return JSON.parse(JSON.stringify(value));
}

/** Sends without a chat around it and answers the chunks as they come. */
export async function rawSend(device: Device, chatId = 'c'): Promise<ReadableStream<UIMessageChunk>> {
  const messages: UIMessage[] = [{ id: crypto.randomUUID(), role: 'user', parts: [{ type: 'text', text: 'hi' }] }];
  return device.transport.sendMessages({
    chatId,
    trigger: 'submit-message',
    messageId: undefined,
    messages,
    abortSignal: undefined,
  });
}

async function passes(stage: import('../stage.ts').Stage, chunks: readonly UIMessageChunk[]): Promise<void> {
  const device = await stage.device();
  const stream = await rawSend(device);
  const call = await stage.model.call();
  await device.reaches('c', 'realtime');
  device.http.cut();
  const got: UIMessageChunk[] = [];
  const reading = (async () => {
    for await (const chunk of stream) got.push(chunk);
  })();
  for (const chunk of chunks) {
    call.push(chunk);
    await call.drained();
  }
  device.http.restore();
  call.finish();
  await until(
    'the end of the stream',
    () => got.at(-1)?.type === 'finish',
    () => got.map(({ type }) => type),
  );
  await reading;
  expect(got.slice(3, 3 + chunks.length)).toEqual(chunks);
}
