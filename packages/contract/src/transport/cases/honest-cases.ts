import { syncChat } from '@chat-transport/core';
import { expect } from 'vitest';
import type { ProviderCase } from '../../stage/provider-case.ts';
import { until } from '../../stage/wait.ts';

/** What a user is told of what the server did not take, and of how answers ended. */
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
      stage.heldEnds = new Promise((resolve) => {
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
        call.finish();
        await stage.idle(theirs);
        await until('the error again', () => mine.status === 'error');
        expect(mine.error).toMatchObject({ code: 'busy' });
        expect(unsent()).toEqual([['refused', 'busy']]);
        expect(mine.seen).toMatchObject({ texts: ['user: theirs', 'assistant: part ', 'user: mine'], status: 'error' });
      } finally {
        sync();
      }
    },
  },
  {
    id: 'honest/outcome',
    title: 'says on every device, and after a reload, that an answer was stopped',
    async run(stage) {
      const { chat, call, done } = await stage.sent();
      call.say('part ');
      await stage.shows(chat, 'part');
      await chat.stop();
      await done;
      const device = await stage.device();
      const late = device.chat('c');
      const sync = syncChat(late, device.transport);
      try {
        await until('the outcome', () => Object.values(sync.getReport().outcomes).includes('cancel'));
        await until('the answer', () => late.messages.length === 2);
        expect(sync.getReport().outcomes).toEqual({ [late.messages[1]?.id as string]: 'cancel' });
      } finally {
        sync();
      }
    },
  },
];
