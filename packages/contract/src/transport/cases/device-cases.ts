import { memoryLog } from '@chat-transport/core/memory';
import { lastAssistantMessageIsCompleteWithToolCalls } from 'ai';
import { expect } from 'vitest';
import type { ProviderCase } from '../../stage/provider-case.ts';
import type { Stage } from '../../stage/stage.ts';
import { TestChat } from '../../stage/test-chat.ts';
import { until } from '../../stage/wait.ts';

/** What the chat's other devices show. */
export const deviceCases: readonly ProviderCase[] = [
  {
    id: 'devices/live',
    title: 'shows the question and the answer live on the other device, both ways',
    async run(stage) {
      const [a, b] = [await stage.device(), await stage.device()];
      const [chatA, chatB] = [a.synced('c'), b.synced('c')];
      await a.reaches('c', 'realtime');
      await b.reaches('c', 'realtime');
      void chatA.sendMessage({ text: 'hi' });
      const call = await stage.model.call();
      call.say('one ');
      await stage.streams(chatB, 'one');
      expect(chatB.texts).toEqual(['user: hi', 'assistant: one ']);
      call.finish();
      await stage.idle(chatA, chatB);
      void chatB.sendMessage({ text: 'and?' });
      const second = await stage.model.call(1);
      second.say('more');
      second.finish();
      await until(
        'the second turn',
        () => chatA.texts.length === 4,
        () => chatA.seen,
      );
      await stage.idle(chatA, chatB);
      expect(chatA.texts).toEqual(['user: hi', 'assistant: one ', 'user: and?', 'assistant: more']);
      stage.expectInStep(chatA, chatB);
    },
  },
  {
    id: 'devices/many',
    title: 'keeps five tabs synchronized with one generation',
    async run(stage) {
      const devices = await Promise.all(Array.from({ length: 5 }, () => stage.device()));
      const chats = devices.map((device) => device.synced('c'));
      await Promise.all(devices.map((device) => device.reaches('c', 'realtime')));
      void chats[0]?.sendMessage({ text: 'hi' });
      const call = await stage.model.call();
      call.say('to all ');
      await Promise.all(chats.map((chat) => stage.shows(chat, 'to all')));
      call.say('of you');
      call.finish();
      await Promise.all(chats.map((chat) => stage.shows(chat, 'of you')));
      await stage.idle(...chats);
      stage.expectInStep(...chats);
    },
  },
  {
    id: 'devices/late',
    title: 'shows the whole answer to a device that joins late',
    async run(stage) {
      const early = (await stage.device()).synced('c');
      for (const [index, text] of ['first', 'second'].entries()) {
        void early.sendMessage({ text });
        await says(stage, index, `to ${text}`);
        await stage.shows(early, `to ${text}`);
        await stage.idle(early);
      }
      void early.sendMessage({ text: 'third' });
      const call = await stage.model.call(2);
      call.say('still ');
      await stage.shows(early, 'still');
      const late = (await stage.device()).synced('c');
      await stage.shows(late, 'still');
      call.say('going');
      call.finish();
      await stage.shows(late, 'going');
      await stage.idle(early, late);
      expect(late.texts).toHaveLength(6);
      stage.expectInStep(early, late);
    },
  },
  {
    id: 'devices/away',
    title: 'shows turns that were missed without a network, without a reload',
    async run(stage) {
      const here = (await stage.device()).synced('c');
      const device = await stage.device();
      const away = device.synced('c');
      await device.reaches('c', 'realtime');
      device.goOffline();
      for (const [index, text] of ['one', 'two', 'three'].entries()) {
        void here.sendMessage({ text });
        await says(stage, index, `to ${text}`);
        await stage.shows(here, `to ${text}`);
        await stage.idle(here);
      }
      expect(away.texts).toEqual([]);
      device.goOnline();
      await stage.shows(away, 'to three');
      await stage.idle(away);
      stage.expectInStep(here, away);
    },
  },
  {
    id: 'devices/stale-send',
    title: 'loses nobody’s message when a device that was away sends at once',
    async run(stage) {
      const here = (await stage.device()).synced('c');
      const device = await stage.device();
      const away = device.synced('c');
      await device.reaches('c', 'realtime');
      device.goOffline();
      void here.sendMessage({ text: 'while you were away' });
      await says(stage, 0, 'answer');
      await stage.idle(here);
      device.http.restore();
      void away.sendMessage({ text: 'mine' });
      const second = await stage.model.call(1);
      expect(second.input.messages.map(({ role }) => role)).toEqual(['user', 'assistant', 'user']);
      device.restoreRealtime();
      second.say('to both');
      second.finish();
      await stage.shows(here, 'to both');
      await stage.shows(away, 'to both');
      await stage.idle(here, away);
      expect(away.texts).toEqual([
        'user: while you were away',
        'assistant: answer',
        'user: mine',
        'assistant: to both',
      ]);
      stage.expectInStep(here, away);
    },
  },
  {
    id: 'devices/regenerate',
    title: 'follows a regenerated answer and an edited question',
    async run(stage) {
      const [a, b] = [(await stage.device()).synced('c'), (await stage.device()).synced('c')];
      void a.sendMessage({ text: 'hi' });
      const first = await says(stage, 0, 'bad');
      await stage.shows(b, 'bad');
      await stage.idle(a, b);
      void b.regenerate();
      const second = await says(stage, 1, 'better');
      await stage.shows(a, 'better');
      await stage.idle(a, b);
      expect(a.texts).toEqual(['user: hi', 'assistant: better']);
      expect([a.nonces, b.nonces]).toEqual([[second.nonce], [second.nonce]]);
      void a.sendMessage({ text: 'hello', messageId: a.messages[0]?.id as string });
      await until(
        'the edited question at the model',
        () => stage.model.calls.length === 3,
        () => [a.seen, b.seen],
      );
      const third = await says(stage, 2, 'good');
      await stage.shows(b, 'good');
      await stage.idle(a, b);
      expect(b.texts).toEqual(['user: hello', 'assistant: good']);
      expect([a.nonces, b.nonces]).toEqual([[third.nonce], [third.nonce]]);
      expect(new Set([first, second, third]).size).toBe(stage.model.calls.length);
    },
  },
  {
    id: 'devices/tool-once',
    title: 'runs a client tool on the device that asked, and on no other',
    async run(stage) {
      const ran: string[] = [];
      const tool = (name: string) => ({ onToolCall: () => void ran.push(name) });
      const a = (await stage.device()).synced('c', tool('a'));
      const b = (await stage.device()).synced('c', tool('b'));
      void a.sendMessage({ text: 'hi' });
      const call = await stage.model.call();
      call.say('wait ');
      // A message that is read when it is complete runs no tools: both devices have to stream it.
      await Promise.all([stage.streams(a, 'wait'), stage.streams(b, 'wait')]);
      call.push({ type: 'tool-input-available', toolCallId: 't', toolName: 'where', input: {} });
      call.finish();
      await until(
        'the tool on b',
        () => b.messages[1]?.parts.some(({ type }) => type === 'tool-where'),
        () => b.seen,
      );
      await stage.idle(a, b);
      // A device that is slower with the tool has shown this answer only after it.
      void a.sendMessage({ text: 'thanks' });
      const next = await stage.model.call(1);
      next.say('welcome');
      next.finish();
      await stage.shows(b, 'welcome');
      await stage.idle(a, b);
      expect(ran).toEqual(['a']);
      stage.expectInStep(a, b);
    },
  },
  {
    id: 'devices/continue-once',
    title: 'continues a message once when two devices answer its tool in the same instant',
    async run(stage) {
      const chats: TestChat[] = [(await stage.device()).chat('c'), (await stage.device()).chat('c')];
      const [a, b] = chats as [TestChat, TestChat];
      const done = a.sendMessage({ text: 'hi' });
      const call = await stage.model.call();
      call.push({ type: 'tool-input-available', toolCallId: 't', toolName: 'where', input: {} });
      call.finish();
      await done;
      b.messages = structuredClone(a.messages);
      await b.resumeStream();
      for (const chat of chats) await chat.addToolOutput({ tool: 'where', toolCallId: 't', output: 'here' });
      const sends = chats.map((chat) => chat.sendMessage());
      const second = await stage.model.call(1);
      second.say('once');
      second.finish();
      await Promise.all(sends);
      expect(stage.model.calls).toHaveLength(2);
      expect(a.texts).toEqual(b.texts);
      expect([a.nonces, b.nonces]).toEqual([[second.nonce], [second.nonce]]);
    },
  },
  {
    id: 'devices/closed-call',
    title: 'runs no client tool whose call the end of a failed answer has closed',
    async run(stage) {
      const ran: string[] = [];
      const device = await stage.device();
      const chat = device.synced('c', { onToolCall: ({ toolCall }) => void ran.push(toolCall.toolCallId) });
      let release = (): void => {};
      stage.held.claim = new Promise((resolve) => {
        release = resolve;
      });
      void chat.sendMessage({ text: 'hi' });
      const call = await stage.model.call();
      call.push(
        { type: 'tool-input-available', toolCallId: 't1', toolName: 'where', input: {} },
        { type: 'error', errorText: 'The model is gone.' },
      );
      await until(
        'the error',
        () => chat.status === 'error',
        () => chat.seen,
      );
      release();
      // A later call does run.
      void chat.sendMessage({ text: 'again' });
      const next = await stage.model.call(1);
      next.push({ type: 'tool-input-available', toolCallId: 't2', toolName: 'where', input: {} });
      next.finish();
      await until(
        'the tool',
        () => ran.includes('t2'),
        () => ran,
      );
      expect(ran).toEqual(['t2']);
      await stage.idle(chat);
    },
  },
  {
    id: 'devices/log-lost',
    title: 'shows what the log has, on a device that had seen more, after the log has lost its chats',
    lacks: ['ownLog'],
    async run(stage) {
      const device = await stage.device();
      const chat = device.synced('c');
      for (const [index, text] of ['one', 'two'].entries()) {
        void chat.sendMessage({ text });
        await says(stage, index, `to ${text}`);
        await stage.shows(chat, `to ${text}`);
        await stage.idle(chat);
      }
      const before = stage.server;
      stage.server = await stage.startServer({}, memoryLog({ allowServerless: true }));
      await before.close();
      const other = (await stage.device()).chat('c');
      void other.sendMessage({ text: 'after the loss' });
      const call = await stage.model.call(2);
      // A device that has to connect again hears of the answer as it goes on.
      await until(
        'the answer',
        () => {
          call.say('word ');
          return chat.text.includes('word word');
        },
        () => [chat.seen, device.connection('c')],
      );
      call.finish();
      await until(
        'the same on both',
        () => other.isIdle && chat.isIdle && chat.texts.join() === other.texts.join(),
        () => [chat.seen, other.seen],
      );
    },
  },
  {
    id: 'devices/forgotten',
    title: 'forgets chats that nobody looks at any more, and none with a message that was refused',
    server: { authorize: ({ action, chatId }) => action !== 'send' || chatId !== 'kept' },
    async run(stage) {
      const { transport } = await stage.device();
      const look = (chatId: string): void => transport.watch(chatId, () => {})();
      const refused = new TestChat({ id: 'kept', transport });
      await refused.sendMessage({ text: 'mine' });
      expect(refused.error).toMatchObject({ code: 'forbidden' });
      const kept = transport.session('kept');
      const names = Array.from({ length: 70 }, (_, index) => `chat-${index}`);
      for (const name of names) look(name);
      const sessions = names.map((name) => transport.session(name));
      // Nothing but its message keeps the chat that was refused.
      await until('idle chats', () => kept.report.isUnused && sessions.every(({ isUnused }) => isUnused));
      look('one-more');
      expect(transport.session('kept')).toBe(kept);
      expect(transport.session('chat-0')).not.toBe(sessions[0]);
      expect(transport.session('chat-69')).toBe(sessions[69]);
    },
  },
  {
    id: 'devices/answers-apart',
    title: 'shows on every device the answers that each gave to its call, and continues once when all are there',
    async run(stage) {
      const sendAutomaticallyWhen = lastAssistantMessageIsCompleteWithToolCalls;
      const a = (await stage.device()).synced('c', { sendAutomaticallyWhen });
      const b = (await stage.device()).synced('c', { sendAutomaticallyWhen });
      void a.sendMessage({ text: 'hi' });
      const call = await stage.model.call();
      for (const toolCallId of ['t1', 't2'])
        call.push({ type: 'tool-input-available', toolCallId, toolName: 'ask', input: {} });
      call.finish();
      const open = (chat: TestChat) =>
        chat.messages[1]?.parts.filter((part) => 'toolCallId' in part && part.state === 'input-available').length;
      const showsOpen = (chat: TestChat, count: number) =>
        until(
          `${count} open calls`,
          () => open(chat) === count && chat.status === 'ready',
          () => [chat.seen, chat.messages[1]?.parts],
        );
      for (const chat of [a, b]) await showsOpen(chat, 2);
      void a.addToolOutput({ tool: 'ask', toolCallId: 't1', output: 'one' });
      for (const chat of [a, b]) await showsOpen(chat, 1);
      expect(stage.model.calls).toHaveLength(1);
      void b.addToolOutput({ tool: 'ask', toolCallId: 't2', output: 'two' });
      await says(stage, 1, 'both');
      for (const chat of [a, b]) await stage.shows(chat, 'both');
      expect([open(a), open(b)]).toEqual([0, 0]);
      await stage.idle(a, b);
      expect(stage.model.calls).toHaveLength(2);
      expect(b.texts).toEqual(a.texts);
    },
  },
];

/** The model's call with this number says its answer and ends. */
async function says(stage: Stage, index: number, text: string): Promise<Awaited<ReturnType<Stage['model']['call']>>> {
  const call = await stage.model.call(index);
  call.say(text);
  call.finish();
  return call;
}
