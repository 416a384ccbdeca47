import { ChatTransportError } from '@chat-transport/core/provider';
import { expect } from 'vitest';
import type { DeviceOptions } from '../../stage/device.ts';
import type { ProviderCase } from '../../stage/provider-case.ts';
import type { Stage } from '../../stage/stage.ts';
import { until } from '../../stage/wait.ts';

/** A page that waits for realtime: in the time that a case takes, it does not read the log because of silence. */
const realtimeAlone = { gapMs: 10_000, quietMs: 10_000, silenceMs: 10_000 };
const words = Array.from({ length: 40 }, (_, index) => `w${index} `);

/** How messages leave for the service, and what a service that takes few of them slows. */
export const publishCases: readonly ProviderCase[] = [
  {
    id: 'publish/merged',
    title: 'brings everything in few messages when each one takes long',
    lacks: ['ownLog'],
    async run(stage) {
      const { chat, other, call, done } = await watched(stage, { timings: realtimeAlone });
      const held: (() => void)[] = [];
      stage.server.filter = async (data, next) => {
        await new Promise<void>((resolve) => held.push(resolve));
        await next(data);
      };
      const before = stage.server.published.length;
      await speak(stage, call, chat);
      call.finish();
      await done;
      const underWay = stage.server.published.length - before;
      expect(underWay).toBeLessThanOrEqual(stage.server.realtime.limits.pipelined ? 16 : 1);
      stage.server.filter = (data, next) => next(data);
      for (const release of held) release();
      await stage.idle(other);
      expect(other.text).toBe(words.join(''));
      expect(stage.server.published.length - before).toBeLessThan(words.length);
      stage.expectInStep(chat, other);
    },
  },
  {
    id: 'publish/two-parts',
    title: 'keeps two texts apart that are written at once, in messages that carry both',
    lacks: ['ownLog'],
    async run(stage) {
      const { chat, other, call, done } = await watched(stage, { timings: realtimeAlone });
      const held: (() => void)[] = [];
      stage.server.filter = async (data, next) => {
        await new Promise<void>((resolve) => held.push(resolve));
        await next(data);
      };
      call.push({ type: 'text-start', id: 'second' });
      for (const [index, word] of words.entries()) {
        // In pairs, each delta in a frame of its own: of four adjacent ones, two may share an entry.
        const id = index % 4 < 2 ? '0' : 'second';
        call.push({ type: 'text-delta', id, delta: word });
        await stage.shows(chat, word.trim());
      }
      call.push({ type: 'text-end', id: 'second' });
      call.finish();
      await done;
      stage.server.filter = (data, next) => next(data);
      for (const release of held) release();
      await stage.idle(other);
      stage.expectInStep(chat, other);
    },
  },
  {
    id: 'publish/once',
    title: 'brings the device that asked its answer once, over the service, where the provider says that it does',
    requires: ['ordered'],
    async run(stage) {
      // A page that hears nothing of a run for `gapMs`, or nothing more for `quietMs`, reads it from the log. In this case nothing is lost.
      const device = await stage.device({ timings: realtimeAlone });
      const { subscriber } = device.transport.session('c').context;
      // Not every provider reports this by itself, but each one must be able to.
      Object.assign(subscriber as object, { carriesOwnAnswers: true });
      const chat = device.synced('c');
      await device.reaches('c', 'realtime');
      // A page reads the log once when it has come. That is over behind the first answer.
      await answered(stage, chat, 0);
      const offsets = device.arrivals('c');
      await answered(stage, chat, 1);
      expect(chat.text).toBe(words.join(''));
      expect(offsets).toEqual([...new Set(offsets)]);
      stage.expectInStep(chat);
    },
  },
  {
    id: 'publish/refused',
    title:
      'writes and streams on at the model’s pace while the service refuses messages for their rate, and lets it catch up',
    lacks: ['ownLog'],
    async run(stage) {
      const { chat, other, call, done } = await watched(stage);
      let refuses = true;
      stage.server.filter = async (data, next) => {
        if (refuses) throw new ChatTransportError({ code: 'rate-limited', message: 'Too many messages.' });
        await next(data);
      };
      await speak(stage, call, chat);
      refuses = false;
      call.finish();
      await done;
      await stage.idle(other);
      expect(other.text).toBe(words.join(''));
      stage.expectInStep(chat, other);
    },
  },
  {
    id: 'publish/another-process',
    title: 'brings an idle device what another server process writes',
    async run(stage) {
      const watching = await stage.device();
      const other = watching.synced('c');
      await watching.reaches('c', 'realtime');
      stage.server = await stage.startServer();
      const { chat, call, done } = await stage.sent();
      call.say('one ');
      await stage.shows(other, 'one');
      call.say('two');
      await stage.shows(other, 'two');
      call.finish();
      await done;
      await stage.idle(other);
      stage.expectInStep(chat, other);
    },
  },
  {
    id: 'publish/ids',
    title: 'gives each message an id of its own',
    lacks: ['ownLog'],
    async run(stage) {
      const { chat, other, call, done } = await watched(stage);
      await speak(stage, call, chat);
      call.finish();
      await done;
      await stage.idle(other);
      const data = new Map<string, string>();
      for (const message of stage.server.published) {
        expect(message.id).toMatch(/^[A-Za-z0-9_-]{1,180}$/);
        expect(data.get(message.id) ?? message.data).toBe(message.data);
        data.set(message.id, message.data);
      }
      expect(data.size).toBe(stage.server.published.length);
    },
  },
];

/** A device that asks and one that watches over the service alone. */
async function watched(stage: Stage, options: DeviceOptions = {}) {
  const watching = await stage.device(options);
  const other = watching.synced('c');
  await watching.reaches('c', 'realtime');
  return { ...(await stage.sent()), other };
}

/** Asks, and is given all words by the model's call with this number. */
async function answered(stage: Stage, chat: Awaited<ReturnType<typeof watched>>['chat'], index: number): Promise<void> {
  const done = chat.sendMessage({ text: 'hi' });
  const call = await stage.model.call(index);
  await speak(stage, call, chat);
  call.finish();
  await done;
}

/** Says all words, each one once the page that asked shows the one before it. */
async function speak(
  stage: Stage,
  call: Awaited<ReturnType<typeof watched>>['call'],
  chat: Awaited<ReturnType<typeof watched>>['chat'],
): Promise<void> {
  for (const word of words) {
    call.say(word);
    await stage.shows(chat, word.trim());
  }
  await until('all words', () => chat.text === words.join(''));
}
