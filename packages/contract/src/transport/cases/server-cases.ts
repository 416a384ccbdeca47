import { expect } from 'vitest';
import type { ProviderCase } from '../../stage/provider-case.ts';

const shortLease = { leaseMs: 2_000, renewEveryMs: 300 };

/** Servers that die, or end. */
export const serverCases: readonly ProviderCase[] = [
  {
    id: 'server/lost-writer',
    title: 'ends as an error, with what was written, when the server that writes the answer dies',
    server: shortLease,
    async run(stage) {
      const watching = (await stage.device()).synced('c');
      const { chat, call, done } = await stage.sent();
      call.say('last words ');
      await stage.shows(chat, 'last words');
      await stage.shows(watching, 'last words');
      const dead = stage.server;
      stage.server = await stage.startServer();
      await dead.kill();
      await done;
      await stage.idle(watching);
      for (const each of [chat, watching]) {
        expect(each.error).toMatchObject({ code: 'lost' });
        expect(each.text).toBe('last words ');
      }
      const { outcome, messages } = await stage.finish();
      expect(outcome).toBe('lost');
      expect(messages.at(-1)?.parts.find(({ type }) => type === 'text')).toMatchObject({ text: 'last words ' });
      void watching.sendMessage({ text: 'again' });
      (await stage.model.call(1)).finish();
    },
  },
  {
    id: 'server/stale-writer',
    title: 'shows nothing of a server that wakes up after its answer was given up',
    server: { leaseMs: 2_000, renewEveryMs: 100_000 },
    async run(stage) {
      const device = await stage.device();
      const chat = device.synced('c');
      // The lease runs from the question on.
      await device.reaches('c', 'realtime');
      const done = chat.sendMessage({ text: 'hi' });
      const call = await stage.model.call();
      call.say('in time ');
      await stage.shows(chat, 'in time');
      await done;
      expect(chat.error).toMatchObject({ code: 'lost' });
      call.say('too late ');
      const reloaded = (await stage.device()).synced('c');
      await stage.shows(reloaded, 'in time');
      // The next turn proves that nothing of the old one is under way any more.
      void reloaded.sendMessage({ text: 'again' });
      const second = await stage.model.call(1);
      second.say('anew');
      second.finish();
      await stage.shows(reloaded, 'anew');
      expect(reloaded.texts).toEqual(['user: hi', 'assistant: in time ', 'user: again', 'assistant: anew']);
    },
  },
  {
    id: 'server/deploy',
    title: 'saves the answer when the server is replaced, and says why it ended',
    async run(stage) {
      const { chat, call, done } = await stage.sent();
      call.say('so far ');
      await stage.shows(chat, 'so far');
      const old = stage.server;
      stage.server = await stage.startServer();
      await old.close();
      await done;
      expect(chat.error).toMatchObject({ code: 'deadline' });
      const { outcome, messages } = await stage.finish();
      expect(outcome).toBe('deadline');
      expect(messages.at(-1)?.parts.find(({ type }) => type === 'text')).toMatchObject({ text: 'so far ' });
      const again = chat.regenerate();
      const second = await stage.model.call(1);
      second.say('whole');
      second.finish();
      await again;
      expect(chat.texts).toEqual(['user: hi', 'assistant: whole']);
    },
  },
  {
    id: 'server/deadline',
    title: 'ends and saves an answer at the host’s time limit instead of being cut',
    server: { deadlineMs: 2_000 },
    async run(stage) {
      const { chat, call, done } = await stage.sent();
      call.say('so far ');
      await done;
      expect(chat.error).toMatchObject({ code: 'deadline' });
      expect(chat.text).toBe('so far ');
      expect((await stage.finish()).outcome).toBe('deadline');
      expect(call.aborted).toBe(true);
    },
  },
];
