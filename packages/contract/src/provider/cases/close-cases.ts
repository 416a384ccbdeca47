import { expect } from 'vitest';
import type { ProviderCase } from '../../stage/provider-case.ts';
import { until } from '../../stage/wait.ts';

/** What is left of a page that was closed. */
export const closeCases: readonly ProviderCase[] = [
  {
    id: 'close/in-mid-answer',
    title: 'leaves no request, connection or timer behind, and the answer goes on',
    async run(stage) {
      const { device, chat, call, done } = await stage.sent();
      await device.reaches('c', 'realtime');
      call.say('one ');
      await stage.shows(chat, 'one');
      device.leave();
      device.leave();
      await done;
      expect(chat.isIdle).toBe(true);
      await until(
        'no open request',
        () => stage.server.open === 0,
        () => stage.server.requests,
      );
      await until(
        'no connection to the service',
        () => device.realtime.open === 0,
        () => device.realtime.open,
      );
      await until(
        'no timer',
        () => device.clock.timers.size === 0,
        () => device.clock.timers.size,
      );
      expect(call.aborted).toBe(false);
      call.finish();
      expect((await stage.finish()).outcome).toBe('finish');
    },
  },
  {
    id: 'close/offline',
    title: 'ends its attempts when it is closed without a network',
    async run(stage) {
      const seen: string[] = [];
      stage.server = await stage.startServer({
        authorize: ({ request: { headers, method, url } }) =>
          seen.push(`${headers.get('x-device')}: ${method} ${new URL(url).pathname}`) > 0,
      });
      const { device, chat, call, done } = await stage.sent('hi', { headers: { 'x-device': 'closed' } });
      call.say('one ');
      await stage.shows(chat, 'one');
      device.goOffline();
      await until('a failed attempt', () => device.events.some(({ type }) => type === 'http-failed'));
      device.leave();
      await done;
      await until(
        'no timer',
        () => device.clock.timers.size === 0,
        () => device.clock.timers.size,
      );
      device.goOnline();
      const other = (await stage.device({ headers: { 'x-device': 'other' } })).chat('c');
      const resumed = other.resumeStream();
      call.finish();
      await resumed;
      // What was on its way as it was closed may have come by now; nothing comes after it.
      seen.length = 0;
      await other.resumeStream();
      expect(seen.filter((each) => each.startsWith('closed'))).toEqual([]);
    },
  },
  {
    id: 'close/unused',
    title: 'unsubscribes from the service when nobody reads the chat any more',
    async run(stage) {
      const { device, call, done } = await stage.sent();
      await device.reaches('c', 'realtime');
      call.finish();
      await done;
      await until(
        'an idle connection',
        () => device.connection('c').state === 'idle',
        () => device.connection('c'),
      );
      await until(
        'no open request',
        () => stage.server.open === 0,
        () => stage.server.requests,
      );
      // Realtime messages for other devices do not arrive here.
      const arrivals = device.arrivals('c');
      const reader = await stage.device();
      const shown = reader.synced('c');
      await reader.reaches('c', 'realtime');
      const otherDone = (await stage.device()).chat('c').sendMessage({ text: 'from elsewhere' });
      const other = await stage.model.call(1);
      other.say('for the others');
      await stage.shows(shown, 'for the others');
      // The rest of this device's own answer may still come by its response.
      expect(arrivals).not.toContain(0);
      other.finish();
      await otherDone;
      // And takes hold of it again.
      const again = device.chat('c').sendMessage({ text: 'again' });
      await device.reaches('c', 'realtime');
      (await stage.model.call(2)).finish();
      await again;
    },
  },
];
