import type { RealtimeSubscriber } from '@chat-transport/core/provider';
import { expect } from 'vitest';
import type { Device } from '../../stage/device.ts';
import type { ProviderCase } from '../../stage/provider-case.ts';
import type { Stage } from '../../stage/stage.ts';
import { until } from '../../stage/wait.ts';

/** What happens when a path dies, and when it comes back. */
export const fallbackCases: readonly ProviderCase[] = [
  {
    id: 'fallback/every-path',
    title: 'goes on when realtime and the response die in turn, and returns to realtime',
    async run(stage) {
      const { device, chat, call, done } = await stage.sent();
      const says = async (word: string) => {
        call.say(`${word} `);
        await stage.shows(chat, word);
      };
      await device.reaches('c', 'realtime');
      await says('realtime');
      device.dropRealtime();
      await device.reaches('c', 'response', 'sse', 'poll');
      await says('http');
      device.http.reset();
      await says('again');
      await device.reaches('c', 'sse', 'poll');
      device.restoreRealtime();
      await device.reaches('c', 'realtime');
      device.http.cut();
      await says('back');
      device.http.restore();
      call.finish();
      await done;
      expect(chat.text).toBe('realtime http again back ');
      stage.expectInStep(chat);
    },
  },
  {
    id: 'fallback/subscribe-throws',
    title: 'answers over HTTP, with a typed error, when the client of the service cannot be made, and subscribes later',
    async run(stage) {
      const device = await stage.device();
      const subscriber = device.transport.session('c').context.subscriber as RealtimeSubscriber;
      const { subscribe } = subscriber;
      Object.assign(subscriber, {
        subscribe: () => {
          throw new RangeError('no client here');
        },
      });
      const chat = device.synced('c');
      const failures = () => device.events.filter(({ type }) => type === 'realtime-failed');
      await until('a report', () => failures().length > 0);
      expect(failures()[0]).toMatchObject({ error: { code: 'provider-failed', cause: { name: 'RangeError' } } });
      const done = chat.sendMessage({ text: 'hi' });
      const call = await stage.model.call();
      call.say('one ');
      await stage.shows(chat, 'one');
      Object.assign(subscriber, { subscribe });
      call.finish();
      await done;
      const again = chat.sendMessage({ text: 'more' });
      const next = await stage.model.call(1);
      next.say('two');
      await device.reaches('c', 'realtime');
      next.finish();
      await again;
      expect(chat.text).toBe('two');
      stage.expectInStep(chat);
    },
  },
  {
    id: 'fallback/unreachable',
    title: 'answers when the service cannot be reached at all',
    run: (stage) => answersWithout(stage, (device) => device.dropRealtime()),
  },
  {
    id: 'fallback/mute',
    title: 'answers when the service takes connections and says nothing',
    run: (stage) => answersWithout(stage, (device) => device.realtime.freeze()),
  },
  {
    id: 'fallback/offset',
    title: 'resumes in the tab where it was, without fetching the answer again',
    async run(stage) {
      const other = (await stage.device()).synced('c');
      const { device, chat, call, done } = await stage.sent();
      await device.reaches('c', 'realtime');
      call.say('one two ');
      await stage.shows(chat, 'two');
      device.goOffline();
      call.say('three ');
      await stage.shows(other, 'three');
      const requests = stage.server.requests.length;
      device.goOnline();
      await stage.shows(chat, 'three');
      call.finish();
      await done;
      expect(chat.text).toBe('one two three ');
      await stage.idle(other);
      stage.expectInStep(chat, other);
      const positions = stage.server.requests.slice(requests).flatMap((each) => /[?&]from=(\d+)/.exec(each)?.[1] ?? []);
      expect(positions.length).toBeGreaterThan(0);
      expect(positions).not.toContain('0');
    },
  },
  {
    id: 'fallback/silent-death',
    title: 'notices a network that dies without a word',
    async run(stage) {
      const { device, chat, call, done } = await stage.sent();
      await device.reaches('c', 'realtime');
      call.say('one ');
      await stage.shows(chat, 'one');
      device.http.freeze();
      device.muteRealtime();
      device.http.reset();
      call.say('two ');
      device.http.restore();
      await stage.shows(chat, 'two');
      device.restoreRealtime();
      call.finish();
      await done;
      expect(chat.text).toBe('one two ');
      stage.expectInStep(chat);
    },
  },
  {
    id: 'fallback/half-open',
    title: 'notices a service that is gone while its connection looks open',
    async run(stage) {
      const { device, chat, call, done } = await stage.sent();
      await device.reaches('c', 'realtime');
      device.realtime.halfOpen();
      device.http.reset();
      call.say('one ');
      await stage.shows(chat, 'one');
      call.finish();
      await done;
      expect(chat.text).toBe('one ');
      stage.expectInStep(chat);
    },
  },
  {
    id: 'fallback/service-restart',
    title: 'follows the answer through a restart of the service',
    async run(stage) {
      const { device, chat, call, done } = await stage.sent();
      await device.reaches('c', 'realtime');
      call.say('one ');
      await stage.shows(chat, 'one');
      if (stage.harness.restartService) await stage.harness.restartService();
      else device.dropRealtime();
      call.say('two ');
      await stage.shows(chat, 'two');
      device.restoreRealtime();
      await device.reaches('c', 'realtime');
      device.http.cut();
      call.say('three ');
      await stage.shows(chat, 'three');
      device.http.restore();
      call.finish();
      await done;
      expect(chat.text).toBe('one two three ');
      stage.expectInStep(chat);
    },
  },
  {
    id: 'fallback/gives-up',
    title: 'fails as a disconnect after a long time without any network, and goes on from there',
    async run(stage) {
      const { device, chat, call, done } = await stage.sent('hi', {
        timings: { giveUpAfterMs: 2_000, firstByteMs: 5_000 },
      });
      call.say('before ');
      await stage.shows(chat, 'before');
      device.goOffline();
      await done;
      expect(chat.status).toBe('error');
      expect(chat.error).toBeInstanceOf(TypeError);
      expect(chat.error?.message).toContain('network');
      expect(chat.text).toBe('before ');
      device.goOnline();
      const resumed = chat.resumeStream();
      call.say('after ');
      await stage.shows(chat, 'after');
      call.finish();
      await resumed;
      expect(chat.texts).toEqual(['user: hi', 'assistant: before after ']);
      stage.expectInStep(chat);
    },
  },
  {
    id: 'fallback/ended-meanwhile',
    title: 'shows the whole answer after a long time without any network in which it ended',
    async run(stage) {
      const { device, chat, call, done } = await stage.sent('hi', {
        timings: { giveUpAfterMs: 2_000, firstByteMs: 5_000 },
      });
      call.say('before ');
      await stage.shows(chat, 'before');
      device.goOffline();
      await done;
      call.say('after');
      call.finish();
      await stage.finish();
      device.goOnline();
      await chat.resumeStream();
      expect(chat.seen).toEqual({ texts: ['user: hi', 'assistant: before after'], status: 'ready' });
      stage.expectInStep(chat);
    },
  },
  {
    id: 'fallback/eof',
    title: 'does not take a stream that just ends for a finished answer',
    async run(stage) {
      const device = await stage.device();
      device.dropRealtime();
      const chat = device.chat('c');
      const done = chat.sendMessage({ text: 'hi' });
      const call = await stage.model.call();
      call.say('half ');
      await stage.shows(chat, 'half');
      const requests = stage.server.requests.length;
      stage.server.endResponses();
      await until(
        'a request for the rest',
        () => stage.server.requests.length > requests,
        () => chat.seen,
      );
      expect(chat.status).toBe('streaming');
      call.say('whole');
      call.finish();
      await done;
      expect(chat.seen).toEqual({ texts: ['user: hi', 'assistant: half whole'], status: 'ready' });
      stage.expectInStep(chat);
    },
  },
];

/** An answer, and a page that is loaded in the midst of it, without realtime. */
async function answersWithout(stage: Stage, takeRealtime: (device: Device) => void): Promise<void> {
  const device = await stage.device();
  takeRealtime(device);
  const chat = device.chat('c');
  const done = chat.sendMessage({ text: 'hi' });
  const call = await stage.model.call();
  call.say('without ');
  await stage.shows(chat, 'without');
  const reloading = await stage.device();
  takeRealtime(reloading);
  const reloaded = reloading.chat('c', { messages: chat.messages.slice(0, 1) });
  const resumed = reloaded.resumeStream();
  await stage.shows(reloaded, 'without');
  call.say('it');
  call.finish();
  await Promise.all([done, resumed]);
  expect(chat.text).toBe('without it');
  stage.expectInStep(chat, reloaded);
}
