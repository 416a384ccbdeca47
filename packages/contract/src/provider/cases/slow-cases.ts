import { expect } from 'vitest';
import type { ProviderCase } from '../../stage/provider-case.ts';
import { rawSend } from '../../stage/raw-send.ts';
import { until } from '../../stage/wait.ts';

/** How long a writer's claim lasts where a model is silent for longer, in milliseconds. */
const leaseMs = 2_000;

/**
 * Chunks of 10 kB that a model says while the log hangs: four times what a writer takes before it waits. A slow log has
 * to keep them all afterwards.
 */
const pages = 800;

/** Readers and models of different speed. */
export const slowCases: readonly ProviderCase[] = [
  {
    id: 'slow/line',
    title: 'does not hold up the others when one device has a slow line, and brings it everything',
    async run(stage) {
      const slow = await stage.device({ timings: { firstByteMs: 5000, stallMs: 5000 } });
      const behind = slow.synced('c');
      await slow.reaches('c', 'realtime');
      const { device, chat, call, done } = await stage.sent();
      await device.reaches('c', 'realtime');
      const crawl = { down: { bytesPerSecond: 60_000 } };
      slow.realtime.set(crawl);
      slow.http.set(crawl);
      const page = 'x'.repeat(2000);
      for (let index = 0; index < 150; index += 1) {
        call.paragraph();
        call.say(`${index}${page}`);
        await call.drained();
      }
      await stage.shows(chat, `149${page}`);
      // Where the service has no line that could be slow, there is nothing to be behind of.
      if (slow.realtime.accepted > 0) expect(behind.text.includes(`149${page}`)).toBe(false);
      slow.realtime.restore();
      slow.http.restore();
      call.finish();
      await done;
      await until(
        'the end on the slow device',
        () => behind.text.includes('149x') && behind.isIdle,
        () => [behind.text.length, behind.status],
      );
      stage.expectInStep(chat, behind);
    },
  },
  {
    id: 'slow/reader',
    title: 'keeps ten thousand chunks for a page that reads none of them at first',
    async run(stage) {
      const device = await stage.device();
      const stream = await rawSend(device);
      const call = await stage.model.call();
      const count = 5000;
      for (let index = 0; index < count; index += 1) {
        call.say(`${index} `);
        call.paragraph();
        if (index % 50 === 0) await call.drained();
      }
      call.finish();
      await stage.finish();
      let text = '';
      for await (const chunk of stream) if (chunk.type === 'text-delta') text += chunk.delta;
      expect(text).toBe(Array.from({ length: count }, (_, index) => `${index} `).join(''));
    },
  },
  {
    id: 'slow/log',
    title: 'reads the model no faster than its words can be kept',
    async run(stage) {
      const { device, chat, call, done } = await stage.sent();
      let release = (): void => {};
      const held = new Promise<void>((resolve) => {
        release = resolve;
      });
      // The log hangs: what the model says has to wait in the model.
      stage.held.append = held;
      const page = 'x'.repeat(10_000);
      for (let index = 0; index < pages; index += 1) call.push({ type: 'data-page', data: { index, page } });
      // By the time that other requests were answered, the writer has taken what it takes.
      for (let round = 0; round < 20; round += 1)
        await (await fetch(`http://${device.http.host}/api/chat/other`)).json();
      const taken = pages - call.waiting;
      release();
      stage.held.append = undefined;
      expect(taken).toBeLessThan(pages / 2);
      call.finish();
      await done;
      expect(chat.messages.at(-1)?.parts.filter(({ type }) => type === 'data-page')).toHaveLength(pages);
    },
  },
  {
    id: 'slow/silence',
    title: 'waits for a model that is silent over twenty heartbeats, on every path',
    server: { heartbeatMs: 50, leaseMs, renewEveryMs: 300 },
    async run(stage) {
      const timings = { stallMs: 500, silenceMs: 300 };
      const { device, chat, call, done } = await stage.sent('hi', { timings });
      await device.reaches('c', 'realtime');
      const http = await stage.device({ timings });
      http.dropRealtime();
      const other = http.synced('c');
      call.say('hm ');
      await stage.shows(other, 'hm');
      await stage.shows(chat, 'hm');
      const from = performance.now();
      const silenceMs = Math.max(20 * 50, 1.5 * leaseMs);
      await until('a long silence', () => performance.now() - from > silenceMs);
      expect([chat.status, other.status]).toEqual(['streaming', 'streaming']);
      call.say('I am back');
      await stage.shows(other, 'I am back');
      call.finish();
      await done;
      await stage.idle(other);
      stage.expectInStep(chat, other);
    },
  },
];
