import { isToolUIPart, type UIMessage } from 'ai';
import { expect } from 'vitest';
import type { ProviderCase } from '../../stage/provider-case.ts';
import { plain } from '../../stage/raw-send.ts';
import type { TestChat } from '../../stage/test-chat.ts';
import { until } from '../../stage/wait.ts';
import { sampleChunks } from './sample-chunks.ts';

/** What a page shows that was loaded while an answer is on its way, or just after. */
export const reloadCases: readonly ProviderCase[] = [
  {
    id: 'reload/mid-answer',
    title: 'keeps the answer when the tab reloads in mid-sentence',
    async run(stage) {
      const { device, chat, call } = await stage.sent();
      call.say('one two ');
      await stage.shows(chat, 'two');
      device.leave();
      call.say('three ');
      const reloaded = (await stage.device()).chat('c', { messages: chat.messages.slice(0, 1) });
      const resumed = reloaded.resumeStream();
      await stage.shows(reloaded, 'three');
      call.say('four');
      call.finish();
      await resumed;
      expect(reloaded.texts).toEqual(['user: hi', 'assistant: one two three four']);
      stage.expectInStep(reloaded);
    },
  },
  {
    id: 'reload/kept-answer',
    title: 'doubles nothing when the page kept half of the answer',
    async run(stage) {
      const { device, chat, call } = await stage.sent();
      call.say('one two ');
      await stage.shows(chat, 'two');
      device.leave();
      const reloaded = (await stage.device()).chat('c', { messages: chat.messages });
      const resumed = reloaded.resumeStream();
      call.say('three');
      call.finish();
      await resumed;
      expect(reloaded.texts).toEqual(['user: hi', 'assistant: one two three']);
      stage.expectInStep(reloaded);
    },
  },
  {
    id: 'reload/compacted',
    title: 'shows a long answer at once, not chunk by chunk, and identically',
    async run(stage) {
      const { chat, call } = await stage.sent();
      // The thoughts between the words keep neighbours from being alike.
      call.push({ type: 'reasoning-start', id: 'r' });
      for (let index = 0; index < 2000; index += 1) {
        call.push({ type: 'reasoning-delta', id: 'r', delta: `(${index}) ` });
        call.say(`${index} `);
        if (index % 20 === 0) await call.drained();
      }
      await stage.shows(chat, '1999 ');
      const stream = await (await stage.device()).transport.reconnectToStream({ chatId: 'c' });
      expect(stream).not.toBeNull();
      call.finish();
      let count = 0;
      for await (const _ of stream ?? []) count += 1;
      expect(count).toBeLessThan(50);
      const reloaded = (await stage.device()).chat('c', { messages: chat.messages.slice(0, 1) });
      await reloaded.resumeStream();
      await stage.idle(chat);
      expect(reloaded.messages.at(-1)).toEqual(chat.messages.at(-1));
      stage.expectInStep(reloaded);
    },
  },
  {
    id: 'reload/continuation',
    title: 'keeps the earlier parts of a message that goes on after a client tool',
    async run(stage) {
      const { device, chat, call, done } = await stage.sent();
      call.say('let me look ');
      call.push({ type: 'tool-input-available', toolCallId: 'call', toolName: 'where', input: {} });
      call.finish();
      await done;
      await chat.addToolOutput({ tool: 'where', toolCallId: 'call', output: 'here' });
      void chat.sendMessage();
      const second = await stage.model.call(1);
      second.say('you are here');
      await stage.shows(chat, 'you are here');
      device.leave();
      const reloaded = (await stage.device()).chat('c', { messages: savedWith(chat) });
      const resumed = reloaded.resumeStream();
      await stage.shows(reloaded, 'you are here');
      second.finish();
      await resumed;
      const { parts } = reloaded.messages[1] as UIMessage;
      expect(reloaded.texts).toEqual(['user: hi', 'assistant: let me look |you are here']);
      expect(parts.find(({ type }) => type === 'tool-where')).toMatchObject({ output: 'here' });
      expect(stage.model.calls).toHaveLength(2);
      expect(reloaded.nonces).toEqual([second.nonce]);
    },
  },
  {
    id: 'reload/every-part',
    title: 'shows every kind of part as it was, with every field',
    async run(stage) {
      const { chat, call, done } = await stage.sent();
      call.push(...sampleChunks.filter(({ type }) => type !== 'reset-step'));
      call.say('and more');
      await stage.shows(chat, 'and more');
      const reloaded = (await stage.device()).chat('c', { messages: chat.messages.slice(0, 1) });
      const resumed = reloaded.resumeStream();
      await stage.shows(reloaded, 'and more');
      call.finish();
      await Promise.all([done, resumed]);
      expect(plain(withoutFreeRawInput(reloaded.messages))).toEqual(plain(withoutFreeRawInput(chat.messages)));
      stage.expectInStep(chat, reloaded);
    },
  },
  {
    id: 'reload/tool-once',
    title: 'does not run an answered client tool again',
    async run(stage) {
      const { chat, call } = await stage.sent();
      call.push({ type: 'tool-input-available', toolCallId: 'a', toolName: 'where', input: { of: 'me' } });
      call.push({ type: 'tool-output-available', toolCallId: 'a', output: 'here' });
      call.say('ok ');
      await stage.shows(chat, 'ok');
      const calls: string[] = [];
      const reloaded = (await stage.device()).chat('c', {
        messages: chat.messages.slice(0, 1),
        onToolCall: ({ toolCall }) => void calls.push(toolCall.toolCallId),
      });
      const resumed = reloaded.resumeStream();
      await stage.shows(reloaded, 'ok');
      call.push({ type: 'tool-input-available', toolCallId: 'b', toolName: 'where', input: {} });
      call.finish();
      await resumed;
      expect(calls).toEqual(['b']);
      stage.expectInStep(reloaded);
    },
  },
  {
    id: 'reload/after-end',
    title: 'shows the answer that ended while the page was loading, once',
    async run(stage) {
      const { chat, call, done } = await stage.sent();
      call.say('done');
      call.finish();
      await done;
      const reloaded = (await stage.device()).chat('c', { messages: chat.messages.slice(0, 1) });
      await reloaded.resumeStream();
      stage.expectInStep(chat, reloaded);
      const { messages } = reloaded;
      await reloaded.resumeStream();
      expect(reloaded.messages).toBe(messages);
    },
  },
  {
    id: 'reload/nothing',
    title: 'resumes nothing in a chat without an answer on its way',
    async run(stage) {
      const chat = (await stage.device()).chat('c');
      await chat.resumeStream();
      expect(chat.seen).toEqual({ texts: [], status: 'ready' });
      expect(stage.model.calls).toHaveLength(0);
    },
  },
  {
    id: 'reload/mounts-twice',
    title: 'is no stop when React mounts twice',
    async run(stage) {
      const { call } = await stage.sent();
      call.say('one ');
      const reloaded = (await stage.device()).chat('c');
      void reloaded.resumeStream();
      void reloaded.stop();
      void reloaded.resumeStream();
      await stage.shows(reloaded, 'one');
      // And when it does so, as hot reload, in mid-answer.
      void reloaded.stop();
      const resumed = reloaded.resumeStream();
      call.say('two ');
      await stage.shows(reloaded, 'two');
      call.say('three');
      call.finish();
      await resumed;
      expect(reloaded.text).toBe('one two three');
      expect((await stage.finish()).outcome).toBe('finish');
    },
  },
  {
    id: 'reload/closed-tab',
    title: 'finishes and saves the answer when every tab was closed',
    async run(stage) {
      const { device, chat, call } = await stage.sent();
      call.say('one ');
      await stage.shows(chat, 'one');
      device.leave();
      device.goOffline();
      await until(
        'a server without readers',
        () => stage.server.open === 0,
        () => stage.server.requests,
      );
      // Whatever the server did about it has been done by the time that another request is answered.
      await (await fetch(`http://127.0.0.1:${stage.server.port}/api/chat/c`)).json();
      call.say('two');
      call.finish();
      const { outcome, messages } = await stage.finish();
      expect(outcome).toBe('finish');
      expect(messages.at(-1)?.parts.find(({ type }) => type === 'text')).toMatchObject({ text: 'one two' });
    },
  },
];

/** The conversation as a server would have saved it before the run that is on its way. */
function savedWith(chat: TestChat): UIMessage[] {
  const [user, answer] = chat.messages as [UIMessage, UIMessage];
  const at = answer.parts.findIndex(({ type }) => type === 'tool-where');
  return [user, { ...answer, parts: answer.parts.slice(0, at + 1) }];
}

const mayKeepRawInput: readonly string[] = ['approval-requested', 'approval-responded', 'output-denied'];

/**
 * Messages without the `rawInput` that a compacted replay may leave at calls that waited for an approval. PROTOCOL.md
 * section 4.2.
 */
function withoutFreeRawInput(messages: readonly UIMessage[]): unknown[] {
  return messages.map((message) => ({
    ...message,
    parts: message.parts.map((part) =>
      isToolUIPart(part) && mayKeepRawInput.includes(part.state) ? { ...part, rawInput: undefined } : part,
    ),
  }));
}
