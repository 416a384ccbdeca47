import type { UIMessage } from 'ai';
import { expect } from 'vitest';
import type { LogCase } from './log-case.ts';
import { advance, endedRun, newId, second, startRun, userMessage } from './log-helpers.ts';

/** The conversation of a chat, of which each run writes only what is new. */
export const conversationCases: readonly LogCase[] = [
  {
    id: 'conversation/changes',
    title: 'shows each run the conversation that it answers, however it differs from the one before',
    async run({ log }) {
      const [one, two, three] = [userMessage('one'), userMessage('two'), userMessage('three')];
      const answer: UIMessage = { id: newId('answer'), role: 'assistant', parts: [{ type: 'text', text: 'answer' }] };
      const chatId = newId('chat');
      const conversations = [
        [one],
        [one, answer, two],
        [one, answer, two, three],
        // An edit of what is in the middle, a cut, the same again, everything new, and nothing.
        [one, { ...answer, parts: [{ type: 'text' as const, text: 'better' }] }, two, three],
        [one],
        [one],
        [three, two],
        [two],
        [],
        [one, two],
      ];
      for (const messages of conversations) {
        await endedRun(log, { chatId, messages });
        expect((await log.state(chatId)).messages).toEqual(messages);
      }
    },
  },
  {
    id: 'conversation/builds-on-state',
    title: 'takes the messages that it answered itself, and what was changed in copies of them',
    async run({ log }) {
      const { chatId } = await endedRun(log, { messages: [userMessage('one'), userMessage('two')] });
      const before = (await log.state(chatId)).messages;
      const messages = [...before, userMessage('three')];
      await endedRun(log, { chatId, messages });
      expect((await log.state(chatId)).messages).toEqual(messages);
      const edited = messages.map((message) => ({ ...message, metadata: { edited: true } }));
      await endedRun(log, { chatId, messages: edited });
      expect((await log.state(chatId)).messages).toEqual(edited);
    },
  },
  {
    id: 'conversation/shared',
    title: 'shows a process that read the chat before what others have changed since',
    requires: ['shared'],
    async run(harness) {
      const { log } = harness;
      const other = await second(harness);
      const [one, two, three] = [userMessage('one'), userMessage('two'), userMessage('three')];
      const { chatId } = await endedRun(log, { messages: [one, two] });
      expect((await other.state(chatId)).messages).toEqual([one, two]);
      await endedRun(log, { chatId, messages: [one, two, three] });
      await endedRun(log, { chatId, messages: [one, three] });
      expect((await other.state(chatId)).messages).toEqual([one, three]);
      await endedRun(other, { chatId, messages: [one, three, two] });
      await endedRun(log, { chatId, messages: [one, three, two] });
      expect((await log.state(chatId)).messages).toEqual([one, three, two]);
      await endedRun(log, { chatId, messages: [one] });
      expect((await other.state(chatId)).messages).toEqual([one]);
      await endedRun(other, { chatId, messages: [] });
      await endedRun(log, { chatId, messages: [two] });
      expect((await other.state(chatId)).messages).toEqual([two]);
    },
  },
  {
    id: 'conversation/retention',
    title: 'forgets the conversation with its newest run, and begins another one',
    requires: ['clock'],
    async run(harness) {
      const { log, retentionMs } = harness;
      const { chatId, init } = await endedRun(log);
      await log.state(chatId);
      await advance(harness, retentionMs);
      await log.unfinished(1);
      expect((await log.state(chatId)).messages).toEqual([]);
      const messages = [...init.messages, userMessage('later')];
      await startRun(log, { chatId, messages });
      expect((await log.state(chatId)).messages).toEqual(messages);
    },
  },
];
