import { expect } from 'vitest';
import type { Device } from '../../stage/device.ts';
import type { ProviderCase } from '../../stage/provider-case.ts';
import { until } from '../../stage/wait.ts';

/** Which user may see which chat. */
export const credentialCases: readonly ProviderCase[] = [
  {
    id: 'credential/missing',
    title: 'refuses a user without a credential, and reports it',
    server: { authorize: ({ request }) => request.headers.has('authorization') },
    async run(stage) {
      const device = await stage.device();
      const chat = device.chat('c');
      await chat.sendMessage({ text: 'hi' });
      expect(chat.error).toMatchObject({ code: 'forbidden', retryable: false });
      expect(stage.model.calls).toHaveLength(0);
      expect(device.connection('c').path).not.toBe('realtime');
    },
  },
  {
    id: 'credential/other-chat',
    title: 'shows a user nothing of a chat that is not theirs',
    server: { authorize: ({ request, chatId }) => request.headers.get('authorization') === chatId },
    async run(stage) {
      const thief = await stage.device({ headers: { authorization: 'mine' } });
      const [mine, theirs] = [thief.synced('mine'), thief.synced('theirs')];
      await thief.reaches('mine', 'realtime');
      // A page may also ask the service itself, without core in between.
      const page = await stage.device({ headers: { authorization: 'mine' } });
      const listening = new AbortController();
      const heardOfMine = heard(page, 'mine', listening.signal);
      const heardOfTheirs = heard(page, 'theirs', listening.signal);
      await until('a live channel', () => heardOfMine.includes('live'));
      const owner = await stage.device({ headers: { authorization: 'theirs' } });
      const chat = owner.chat('theirs');
      const done = chat.sendMessage({ text: 'a secret' });
      const call = await stage.model.call();
      call.say('whispered');
      await stage.shows(chat, 'whispered');
      await expect(thief.transport.cancel({ chatId: 'theirs', runId: call.input.runId })).rejects.toMatchObject({
        code: 'forbidden',
      });
      call.finish();
      await done;
      // What comes in the thief's own chat afterwards proves that nothing else was on its way.
      const own = mine.sendMessage({ text: 'hi' });
      const second = await stage.model.call(1);
      second.say('your own');
      second.finish();
      await own;
      await until('a message of the own chat', () => heardOfMine.some((each) => each !== 'live'));
      listening.abort();
      expect(heardOfTheirs).toEqual([]);
      expect(mine.text).toBe('your own');
      expect(theirs.texts).toEqual([]);
      expect(thief.connection('theirs').path).not.toBe('realtime');
      expect((await stage.finish()).outcome).toBe('finish');
    },
  },
  {
    id: 'credential/renewed',
    title: 'goes on with a new credential when the old one expires in mid-answer',
    async run(stage) {
      let valid = 'old';
      stage.server = await stage.startServer({
        authorize: ({ request }) => request.headers.get('authorization') === valid,
      });
      let token = 'old';
      const { device, chat, call, done } = await stage.sent('hi', { headers: () => ({ authorization: token }) });
      await device.reaches('c', 'realtime');
      call.say('one ');
      await stage.shows(chat, 'one');
      device.goOffline();
      valid = token = 'new';
      device.goOnline();
      await device.reaches('c', 'realtime');
      call.say('two ');
      await stage.shows(chat, 'two');
      await chat.stop();
      await done;
      await until('a stopped model', () => call.aborted);
      expect(chat.text).toBe('one two ');
      stage.expectInStep(chat);
    },
  },
  {
    id: 'credential/expired',
    title: 'reports that a credential expired in mid-answer, and goes on for the other devices',
    async run(stage) {
      let valid = 'old';
      stage.server = await stage.startServer({
        authorize: ({ request }) => request.headers.get('authorization') === valid,
      });
      const { device, chat, call, done } = await stage.sent('hi', { headers: { authorization: 'old' } });
      call.say('one ');
      await stage.shows(chat, 'one');
      device.goOffline();
      valid = 'new';
      device.goOnline();
      await done;
      expect(chat.error).toMatchObject({ code: 'forbidden' });
      expect(chat.text).toBe('one ');
      call.say('two');
      call.finish();
      expect((await stage.finish()).outcome).toBe('finish');
    },
  },
];

/** The messages that a subscriber of this page gets for a chat, and `live`. */
function heard({ transport }: Device, chatId: string, signal: AbortSignal): string[] {
  const told: string[] = [];
  const listener = {
    onMessage: (data: string) => told.push(data),
    onLive: () => told.push('live'),
    onInterrupted: () => {},
    onFailed: () => {},
  };
  transport.session(chatId).context.subscriber?.subscribe(chatId, listener, signal);
  return told;
}
