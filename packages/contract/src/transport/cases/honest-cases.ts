import { syncChat } from '@chat-transport/core';
import { expect } from 'vitest';
import type { ProviderCase } from '../../stage/provider-case.ts';
import { until } from '../../stage/wait.ts';

/** What a user sees of sends that the server refused, and of how answers ended. */
export const honestCases: readonly ProviderCase[] = [
  {
    id: 'honest/stop-then-send',
    title: 'answers the question that is asked right after a stop',
    async run(stage) {
      const { chat, call, done } = await stage.sent();
      call.say('part ');
      await stage.shows(chat, 'part');
      await chat.stop();
      const sent = chat.sendMessage({ text: 'and now?' });
      await done;
      const next = await stage.model.call(1);
      next.say('whole ');
      next.finish();
      await sent;
      expect(chat.error).toBeUndefined();
      expect(chat.seen).toEqual({
        texts: ['user: hi', 'assistant: part ', 'user: and now?', 'assistant: whole '],
        status: 'ready',
      });
    },
  },
  {
    id: 'honest/fail-then-send',
    title: 'answers the question that is asked as soon as the answer before it is seen to fail',
    async run(stage) {
      const { chat, call, done } = await stage.sent();
      call.say('part ');
      await stage.shows(chat, 'part');
      let release = (): void => {};
      stage.held.end = new Promise((resolve) => {
        release = resolve;
      });
      call.fail(new Error('the model is gone'));
      await done;
      expect(chat.status).toBe('error');
      const sent = chat.sendMessage({ text: 'and now?' });
      await until('the second question', () => stage.begins > 1);
      release();
      const next = await stage.model.call(1);
      next.say('whole ');
      next.finish();
      await sent;
      expect(chat.seen).toEqual({
        texts: ['user: hi', 'assistant: part ', 'user: and now?', 'assistant: whole '],
        status: 'ready',
      });
    },
  },
  {
    id: 'honest/failed-stays',
    title: 'shows the error of a failed answer on both devices, without a break while the answer is saved',
    async run(stage) {
      const devices = [await stage.device(), await stage.device()];
      const chats = devices.map((device) => device.synced('c'));
      for (const device of devices) await device.reaches('c', 'realtime');
      void chats[0]?.sendMessage({ text: 'hi' });
      const call = await stage.model.call();
      call.say('part ');
      for (const chat of chats) await stage.streams(chat, 'part');
      let release = (): void => {};
      stage.held.end = new Promise((resolve) => {
        release = resolve;
      });
      call.fail(new Error('the model is gone'));
      await until(
        'the error on both',
        () => chats.every(({ status }) => status === 'error'),
        () => chats.map(({ seen }) => seen),
      );
      const counts = chats.map(({ statuses }) => statuses.length);
      // Longer than a device waits before it resumes a run again: each pause is longer than the one before it.
      for (let pauses = 0; pauses < 3; pauses += 1)
        await Promise.all(devices.map(({ transport }) => transport.session('c').pause()));
      release();
      await stage.finish();
      expect(chats.map(({ statuses }) => statuses.length)).toEqual(counts);
    },
  },
  {
    id: 'honest/failed-late',
    title: 'shows the error of an answer that failed before the page, which showed its beginning, could stream it',
    async run(stage) {
      const { chat, call, done } = await stage.sent();
      call.say('part ');
      await stage.logged('c', 'part');
      const device = await stage.device();
      const endPause = device.transport.watch('c', () => device.clock.stop());
      const late = device.synced('c');
      await stage.shows(late, 'part');
      expect(late.status).toBe('ready');
      call.fail(new Error('the model is gone'));
      await done;
      await stage.finish();
      const session = device.transport.session('c');
      await until('the end', () => {
        if (session.ledger.server.reading.kind === 'none') session.refresh();
        return session.ledger.server.active === undefined;
      });
      endPause();
      device.clock.start();
      await until(
        'the error',
        () => late.status === 'error',
        () => late.seen,
      );
      expect(late.error?.message).toBe(chat.error?.message);
    },
  },
  {
    id: 'honest/refused-stays',
    title: 'keeps a refused message, marked with its error, while the other device’s answer streams',
    async run(stage) {
      const [a, b] = [await stage.device(), await stage.device()];
      const theirs = a.synced('c');
      const mine = b.chat('c');
      const sync = syncChat(mine, b.transport);
      try {
        await b.reaches('c', 'realtime');
        void theirs.sendMessage({ text: 'theirs' });
        const call = await stage.model.call();
        call.say('part ');
        await until('the other answer', () => JSON.stringify(mine.messages).includes('part '));
        await mine.sendMessage({ text: 'mine' });
        const unsent = () =>
          sync.getReport().unsent.map(({ state, error }) => [state, (error as Error & { code: string }).code]);
        expect(unsent()).toEqual([['refused', 'busy']]);
        call.say('more ');
        await until('more of the other answer', () => JSON.stringify(mine.messages).includes('more '));
        expect(mine.error).toMatchObject({ code: 'busy' });
        call.finish();
        await stage.idle(theirs);
        await until('the error again', () => mine.status === 'error');
        expect(mine.error).toMatchObject({ code: 'busy' });
        expect(unsent()).toEqual([['refused', 'busy']]);
        expect(mine.seen).toMatchObject({
          texts: ['user: theirs', 'assistant: part more ', 'user: mine'],
          status: 'error',
        });
      } finally {
        sync();
      }
    },
  },
  {
    id: 'honest/outcome',
    title: 'says on every device, and after a reload, that an answer was stopped',
    async run(stage) {
      const watching = await stage.device();
      const watched = watching.chat('c');
      const watch = syncChat(watched, watching.transport);
      const { chat, call, done } = await stage.sent();
      call.say('part ');
      for (const each of [chat, watched]) await stage.shows(each, 'part');
      await chat.stop();
      await done;
      // Once a device has heard the end, it is not reported again: a device that comes later reads it.
      await until('the outcome', () => Object.values(watch.getReport().outcomes).includes('cancel'));
      watch();
      const device = await stage.device();
      const late = device.chat('c');
      const sync = syncChat(late, device.transport);
      try {
        await until('the outcome after a reload', () => Object.values(sync.getReport().outcomes).includes('cancel'));
        await until('the answer', () => late.messages.length === 2);
        expect(sync.getReport().outcomes).toEqual({ [late.messages[1]?.id as string]: 'cancel' });
      } finally {
        sync();
      }
    },
  },
];
