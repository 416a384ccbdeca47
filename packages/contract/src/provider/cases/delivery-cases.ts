import { expect } from 'vitest';
import type { ProviderCase } from '../../stage/provider-case.ts';
import { plain } from '../../stage/raw-send.ts';

/** What arrives, in which order, and how soon. */
export const deliveryCases: readonly ProviderCase[] = [
  {
    id: 'delivery/answer',
    title: 'shows the answer as it is written, over realtime, and exactly as it is saved',
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
    id: 'delivery/first-word',
    title: 'shows the first word without a row of round trips in front of it',
    async run(stage) {
      // The first answer of a server that has just started takes longer, and is not measured.
      const first = await stage.sent();
      first.call.say('warm');
      first.call.finish();
      await first.done;
      const device = await stage.device();
      const oneWayMs = 300;
      const slow = { up: { delayMs: oneWayMs }, down: { delayMs: oneWayMs } };
      device.http.set(slow);
      device.realtime.set(slow);
      const chat = device.chat('d');
      const from = performance.now();
      const done = chat.sendMessage({ text: 'hi' });
      const call = await stage.model.call(1);
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
      expect(performance.now() - saidAt).toBeLessThan(3000);
      call.finish();
      await done;
      expect(chat.text).toBe(Array.from({ length: count }, (_, index) => `${index} `).join(''));
      stage.expectInStep(chat);
    },
  },
  {
    id: 'delivery/other-process',
    title: 'shows an answer live to a device that another server process serves',
    async run(stage) {
      const { chat, call, done } = await stage.sent();
      call.say('one ');
      await stage.shows(chat, 'one');
      stage.server = await stage.startServer();
      const other = (await stage.device()).synced('c');
      await stage.shows(other, 'one');
      call.say('two');
      await stage.shows(other, 'two');
      call.finish();
      await done;
      await stage.idle(other);
      stage.expectInStep(chat, other);
    },
  },
];
