import { expect } from 'vitest';
import type { ProviderCase } from '../../stage/provider-case.ts';
import { until } from '../../stage/wait.ts';

/**
 * How soon a stop has to reach a model that says nothing, in milliseconds, on a machine that is busy with other tests.
 */
const promptMs = 3000;

/** Stop, in every order of arrival. */
export const cancelCases: readonly ProviderCase[] = [
  {
    id: 'cancel/stops-the-model',
    title: 'stops the model itself, at once, and keeps what it has written',
    async run(stage) {
      const { device, chat, call, done } = await stage.sent();
      await device.reaches('c', 'realtime');
      call.say('part ');
      await stage.shows(chat, 'part');
      const from = performance.now();
      await chat.stop();
      await until('a stopped model', () => call.aborted);
      expect(performance.now() - from).toBeLessThan(promptMs);
      await done;
      expect(chat.seen).toEqual({ texts: ['user: hi', 'assistant: part '], status: 'ready' });
      const { outcome, messages } = await stage.finish();
      expect(outcome).toBe('cancel');
      expect(messages.at(-1)?.parts.find(({ type }) => type === 'text')).toMatchObject({ text: 'part ' });
    },
  },
  {
    id: 'cancel/from-elsewhere',
    title: 'stops from another device what the first one started, for both',
    async run(stage) {
      const [a, b] = [await stage.device(), await stage.device()];
      const [chatA, chatB] = [a.synced('c'), b.synced('c')];
      await b.reaches('c', 'realtime');
      void chatA.sendMessage({ text: 'hi' });
      const call = await stage.model.call();
      call.say('part ');
      await stage.streams(chatB, 'part');
      await chatB.stop();
      await until('a stopped model', () => call.aborted);
      await stage.idle(chatA, chatB);
      expect(chatA.error).toBeUndefined();
      stage.expectInStep(chatA, chatB);
      expect((await stage.finish()).outcome).toBe('cancel');
    },
  },
  {
    id: 'cancel/after-reload',
    title: 'stops after a reload',
    async run(stage) {
      const { device, chat, call } = await stage.sent();
      call.say('part ');
      await stage.shows(chat, 'part');
      device.leave();
      const reloaded = (await stage.device()).chat('c', { messages: chat.messages.slice(0, 1) });
      const resumed = reloaded.resumeStream();
      await stage.streams(reloaded, 'part');
      await reloaded.stop();
      await until('a stopped model', () => call.aborted);
      await resumed;
      expect((await stage.finish()).outcome).toBe('cancel');
      stage.expectInStep(reloaded);
    },
  },
  {
    id: 'cancel/before-begin',
    title: 'holds when it arrives before the question: the model is never asked',
    async run(stage) {
      const device = await stage.device();
      const runId = crypto.randomUUID();
      expect(await device.transport.cancel({ chatId: 'c', runId })).toEqual({ outcome: 'accepted' });
      const body = { id: 'c', runId, trigger: 'submit-message', messages: [userMessage('hi')] };
      const response = await fetch(`http://${device.http.host}/api/chat`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
      expect(await response.text()).toContain(`${runId}:0:cancel`);
      expect((await stage.finish()).outcome).toBe('cancel');
      expect(stage.model.calls).toHaveLength(0);
    },
  },
  {
    id: 'cancel/while-sending',
    title: 'holds when it is pressed while the question is on its way',
    async run(stage) {
      const device = await stage.device();
      device.http.set({ up: { delayMs: 100 } });
      const chat = device.chat('c');
      let requests = 0;
      device.http.script([{ afterBytes: 1, act: () => requests++ }]);
      const done = chat.sendMessage({ text: 'hi' });
      await until('a question on its way', () => requests > 0);
      await chat.stop();
      await done;
      const next = chat.sendMessage({ text: 'still there?' });
      // The next question is answered only when nothing of the first one goes on.
      await until(
        'the second question at the model',
        () => stage.model.calls.some(({ input }) => input.messages.at(-1)?.parts.some(isText('still there?'))),
        () => [chat.seen, stage.finished.map(({ outcome }) => outcome)],
      );
      const last = stage.model.calls.at(-1);
      for (const call of stage.model.calls) if (call !== last) expect(call.aborted).toBe(true);
      last?.say('yes');
      last?.finish();
      await next;
      expect(chat.text).toBe('yes');
    },
    server: { onBusy: 'queue' },
  },
  {
    id: 'cancel/offline',
    title: 'is repeated until the server has it',
    async run(stage) {
      const { device, chat, call, done } = await stage.sent();
      call.say('part ');
      await stage.shows(chat, 'part');
      device.goOffline();
      await chat.stop();
      await done;
      expect(call.aborted).toBe(false);
      device.goOnline();
      await until('a stopped model', () => call.aborted);
      expect((await stage.finish()).outcome).toBe('cancel');
    },
  },
  {
    id: 'cancel/without-realtime',
    title: 'stops when the service cannot be reached',
    async run(stage) {
      const device = await stage.device();
      device.dropRealtime();
      const chat = device.chat('c');
      const done = chat.sendMessage({ text: 'hi' });
      const call = await stage.model.call();
      call.say('part ');
      await stage.shows(chat, 'part');
      await chat.stop();
      await until('a stopped model', () => call.aborted);
      await done;
      expect((await stage.finish()).outcome).toBe('cancel');
    },
  },
  {
    id: 'cancel/another-process',
    title: 'stops an answer that another server process writes, while its model is silent',
    async run(stage) {
      const { call, device } = await stage.sent();
      await device.reaches('c', 'realtime');
      stage.server = await stage.startServer();
      const other = await stage.device();
      const from = performance.now();
      expect(await other.transport.cancel({ chatId: 'c' })).toEqual({ outcome: 'delivered' });
      await until('a stopped model', () => call.aborted);
      expect(performance.now() - from).toBeLessThan(promptMs);
      expect((await stage.finish()).outcome).toBe('cancel');
    },
  },
  {
    id: 'cancel/twice',
    title: 'does no harm twice, or after the end',
    async run(stage) {
      const { device, chat, call, done } = await stage.sent();
      call.say('all');
      await stage.shows(chat, 'all');
      const runId = call.input.runId;
      const receipts = await Promise.all([1, 2].map(() => device.transport.cancel({ chatId: 'c', runId })));
      expect(receipts.map(({ outcome }) => outcome).sort()).toEqual(['delivered', 'not-delivered']);
      await done;
      const late = await device.transport.cancel({ chatId: 'c', runId });
      expect(late).toEqual({ outcome: 'not-delivered', reason: 'ended' });
      await stage.finish();
      expect(stage.finished.map(({ outcome }) => outcome)).toEqual(['cancel']);
    },
  },
  {
    id: 'cancel/finished',
    title: 'leaves a finished answer alone',
    async run(stage) {
      const { device, chat, call, done } = await stage.sent();
      call.say('all');
      call.finish();
      await done;
      await chat.stop();
      const receipt = await device.transport.cancel({ chatId: 'c', runId: call.input.runId });
      expect(receipt).toEqual({ outcome: 'not-delivered', reason: 'ended' });
      const reloaded = (await stage.device()).synced('c');
      await stage.shows(reloaded, 'all');
      expect((await stage.finish()).outcome).toBe('finish');
      stage.expectInStep(chat, reloaded);
    },
  },
  {
    id: 'cancel/dead-writer',
    title: 'stops an answer whose server is dead',
    server: { leaseMs: 60_000 },
    async run(stage) {
      const { chat, call } = await stage.sent();
      call.say('part ');
      await stage.shows(chat, 'part');
      const dead = stage.server;
      stage.server = await stage.startServer();
      await dead.kill();
      const other = (await stage.device()).synced('c');
      await stage.streams(other, 'part');
      await other.stop();
      await stage.idle(other, chat);
      stage.expectInStep(chat, other);
      void other.sendMessage({ text: 'again' });
      const second = await stage.model.call(1);
      second.say('free');
      second.finish();
      await stage.shows(other, 'free');
    },
  },
  {
    id: 'cancel/detach',
    title: 'only detaches where the app asks for that',
    async run(stage) {
      const { device, chat, call, done } = await stage.sent('hi', { onAbort: 'detach' });
      call.say('on ');
      await stage.shows(chat, 'on');
      await chat.stop();
      await done;
      // A stop would have gone the same way, in front of these.
      for (const runId of ['x', 'y']) await device.transport.cancel({ chatId: 'other', runId });
      call.say('and on');
      call.finish();
      expect((await stage.finish()).outcome).toBe('finish');
    },
  },
];

function userMessage(text: string): object {
  return { id: crypto.randomUUID(), role: 'user', parts: [{ type: 'text', text }] };
}

function isText(text: string): (part: object) => boolean {
  return (part) => 'text' in part && part.text === text;
}
