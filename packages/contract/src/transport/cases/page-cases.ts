import { expect } from 'vitest';
import { BrowserPage } from '../../stage/browser-page.ts';
import type { Device } from '../../stage/device.ts';
import type { ProviderCase } from '../../stage/provider-case.ts';
import type { Stage } from '../../stage/stage.ts';
import type { TestChat } from '../../stage/test-chat.ts';
import { until } from '../../stage/wait.ts';

/** Longer than any service keeps what it published, in milliseconds. */
const nightMs = 8 * 3_600_000;

/** What becomes of a page that the browser slows down, freezes or wakes up. */
export const pageCases: readonly ProviderCase[] = [
  {
    id: 'page/background',
    title: 'keeps up in a background tab whose timers hardly fire, also when realtime dies there',
    run: (stage) =>
      inBrowser(async (page) => {
        const { device, chat, call, done } = await stage.sent();
        await device.reaches('c', 'realtime');
        page.hide();
        device.clock.throttle(700);
        call.say('hidden ');
        await stage.shows(chat, 'hidden');
        device.dropRealtime();
        device.http.reset();
        call.say('cut off ');
        await stage.shows(chat, 'cut off');
        device.restoreRealtime();
        device.clock.throttle(1);
        page.show();
        call.say('shown');
        await stage.shows(chat, 'shown');
        call.finish();
        await done;
        expect(chat.seen).toEqual({ texts: ['user: hi', 'assistant: hidden cut off shown'], status: 'ready' });
        stage.expectInStep(chat);
      }),
  },
  {
    id: 'page/asleep',
    title: 'goes on with the answer after a night in which the laptop slept',
    run: (stage) =>
      inBrowser(async (page) => {
        const { device, chat, call, done } = await stage.sent();
        await device.reaches('c', 'realtime');
        // The answer comes by realtime alone, also where it came as a response.
        device.http.reset();
        await until('no open response', () => stage.server.open === 0);
        call.say('evening ');
        await stage.shows(chat, 'evening');
        page.hide();
        device.sleep();
        call.say('night ');
        await call.drained();
        await device.wake('c', nightMs);
        page.show();
        await stage.shows(chat, 'night');
        call.say('morning');
        call.finish();
        await done;
        expect(chat.seen).toEqual({ texts: ['user: hi', 'assistant: evening night morning'], status: 'ready' });
        stage.expectInStep(chat);
      }),
  },
  {
    id: 'page/asleep-offline',
    title: 'goes on with the answer after a night that began without a network',
    run: (stage) =>
      inBrowser(async (page) => {
        const { device, chat, call, done } = await stage.sent();
        call.say('evening ');
        await stage.shows(chat, 'evening');
        device.goOffline();
        await until('a device that is offline', () => device.connection('c').state === 'offline');
        page.hide();
        device.clock.stop();
        call.say('night ');
        await call.drained();
        device.clock.pass(nightMs);
        device.clock.start();
        // The page wakes up before its network.
        page.show();
        device.goOnline();
        await stage.shows(chat, 'night');
        call.say('morning');
        call.finish();
        await done;
        expect(chat.seen).toEqual({ texts: ['user: hi', 'assistant: evening night morning'], status: 'ready' });
        stage.expectInStep(chat);
      }),
  },
  {
    id: 'page/asleep-watching',
    title: 'shows after a night asleep what was asked and answered elsewhere, without a reload',
    run: (stage) =>
      inBrowser(async (page) => {
        const device = await stage.device();
        const asleep = device.synced('c');
        await device.reaches('c', 'realtime');
        page.hide();
        device.sleep();
        const { chat, call, done } = await stage.sent();
        call.say('all of it');
        call.finish();
        await done;
        expect(asleep.texts).toEqual([]);
        await device.wake('c', nightMs);
        page.show();
        await stage.shows(asleep, 'all of it');
        await stage.idle(asleep);
        stage.expectInStep(chat, asleep);
      }),
  },
  {
    id: 'page/asleep-sending',
    title: 'sends after a night asleep what was on its way as the laptop was shut',
    run: (stage) =>
      inBrowser(async (page) => {
        const device = await stage.device();
        const chat = device.synced('c');
        await device.reaches('c', 'realtime');
        page.hide();
        let requests = 0;
        device.http.script([{ afterBytes: 1, act: () => requests++ }]);
        device.http.freeze();
        const done = chat.sendMessage({ text: 'good night' });
        await until('a request on its way', () => requests > 0);
        device.sleep();
        await device.wake('c', nightMs);
        page.show();
        const call = await stage.model.call();
        call.say('good morning');
        call.finish();
        await done;
        expect(chat.seen).toEqual({ texts: ['user: good night', 'assistant: good morning'], status: 'ready' });
        stage.expectInStep(chat);
      }),
  },
  {
    id: 'page/wakes-up',
    title: 'goes on at once when the browser says that the network or the page is back',
    run: (stage) =>
      inBrowser(async (page) => {
        const { device, chat, call, done } = await stage.sent();
        await device.reaches('c', 'realtime');
        const back = {
          online: () => page.tell('online'),
          pageshow: () => page.tell('pageshow'),
          shown: () => page.show(),
        };
        for (const [word, tellBack] of Object.entries(back)) {
          device.goOffline();
          const failed = device.events.length;
          await until('a failed attempt', () => device.events.slice(failed).some(({ type }) => type === 'http-failed'));
          // Nothing but the browser's word can start the next attempt.
          device.clock.stop();
          // An attempt that is on its way fails before these do; each failure may start one more at once.
          for (let probe = 0; probe < 3; probe += 1)
            await expect(fetch(`http://${device.http.host}`)).rejects.toThrow();
          device.http.restore();
          call.say(`${word} `);
          await stage.logged('c', word);
          tellBack();
          await stage.shows(chat, word);
          device.clock.start();
        }
        call.finish();
        await done;
        expect(chat.text).toBe('online pageshow shown ');
        stage.expectInStep(chat);
      }),
  },
  {
    id: 'page/two-transports',
    title: 'runs a client tool once on a page that has two transports, as after hot reload',
    run: (stage) =>
      inBrowser(async () => {
        const { ran, one } = await twoTransports(stage);
        void one.sendMessage({ text: 'thanks' });
        const next = await stage.model.call(1);
        next.say('welcome');
        next.finish();
        await stage.shows(one, 'welcome');
        expect(ran).toHaveLength(1);
      }),
  },
  {
    id: 'page/one-line',
    title: 'reads a chat once on a page that has two transports for it, and shows it on both',
    run: (stage) =>
      inBrowser(async () => {
        // Two streams that stay open: a page that looks for a better path has a moment without a request.
        const timings = { firstByteMs: 30_000, stallMs: 30_000 };
        const device = await stage.device({ timings });
        const other = device.another({ timings });
        const chats = [device.synced('c'), other.synced('c')];
        for (const each of [device, other]) await each.reaches('c', 'realtime');
        device.dropRealtime();
        other.dropRealtime();
        for (const each of [device, other]) await each.reaches('c', 'sse', 'poll');
        await until(
          'one request at most',
          () => stage.server.open <= 1,
          () => stage.server.requests,
        );
        const { call } = await stage.sent();
        call.say('to both');
        for (const chat of chats) await stage.shows(chat, 'to both');
        call.finish();
        await stage.idle(...chats);
        stage.expectInStep(...chats);
      }),
  },
  {
    id: 'page/new-token',
    title: 'runs a client tool on a page’s newer transport when the older one’s access has ended',
    server: {
      authorize: ({ request, action }) => action !== 'command' || request.headers.get('x-token') !== 'old',
    },
    run: (stage) =>
      inBrowser(async () => {
        const { ran } = await twoTransports(stage);
        expect(ran).toEqual(['new']);
      }),
  },
];

/** Runs with the events of a browser's page. */
/**
 * One page with two transports, whose chat shows an answer with a client tool's call; `ran` names those that ran it.
 */
async function twoTransports(stage: Stage): Promise<{ readonly ran: string[]; readonly one: TestChat }> {
  const ran: string[] = [];
  const headers = (token: string) => ({ headers: { 'x-token': token } });
  const open = async (device: Device, token: string): Promise<TestChat> => {
    const chat = device.synced('c', { onToolCall: () => void ran.push(token) });
    await device.reaches('c', 'realtime');
    // It shares what is live already, and reads the chat itself.
    await until('a chat that is read', () => device.transport.session('c').ledger.server.watched.kind === 'informed');
    return chat;
  };
  const device = await stage.device(headers('old'));
  const one = await open(device, 'old');
  const two = await open(device.another(headers('new')), 'new');
  void one.sendMessage({ text: 'hi' });
  const call = await stage.model.call();
  call.push({ type: 'tool-input-available', toolCallId: 't', toolName: 'where', input: {} });
  call.finish();
  const hasCall = ({ messages }: TestChat) => messages[1]?.parts.some(({ type }) => type === 'tool-where');
  await until(
    'the call on both',
    () => hasCall(one) && hasCall(two),
    () => [one.seen, two.seen],
  );
  await stage.idle(one, two);
  await until('the tool', () => ran.length > 0);
  return { ran, one };
}

async function inBrowser(run: (page: BrowserPage) => Promise<void>): Promise<void> {
  const page = BrowserPage.open();
  try {
    await run(page);
  } finally {
    page.close();
  }
}
