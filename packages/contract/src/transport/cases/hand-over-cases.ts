import { jsonSchema, tool, type UIMessageChunk } from 'ai';
import { expect } from 'vitest';
import type { ProviderCase, ServerOptions } from '../../stage/provider-case.ts';
import type { ModelCall } from '../../stage/scripted-model.ts';
import { until } from '../../stage/wait.ts';

const book = tool({ inputSchema: jsonSchema<object>({ type: 'object' }), execute: async () => 'booked' });

/** Servers that go on with answers of others, soon after those have died. */
const goesOn: ServerOptions = {
  onInterrupted: 'continue',
  tools: { book } as unknown as NonNullable<ServerOptions['tools']>,
  toolBarrier: true,
  leaseMs: 2_000,
  renewEveryMs: 300,
};

const callOf = (toolCallId: string): UIMessageChunk => ({
  ...{ type: 'tool-input-available', toolCallId, toolName: 'book', input: {} },
});

/** Says that the model calls a tool, and runs it as the AI SDK does: behind `beforeTool`. */
function runTool(call: ModelCall, toolCallId: string, effect: () => void): void {
  call.push(callOf(toolCallId));
  void call.input.beforeTool(toolCallId).then(effect);
}

/** Answers that outlive the server that writes them. */
export const handOverCases: readonly ProviderCase[] = [
  {
    id: 'hand-over/killed',
    title: 'goes on in another process when the server that writes the answer dies, as one answer on every device',
    server: goesOn,
    async run(stage) {
      const watching = (await stage.device()).synced('c');
      const { chat, call, done } = await stage.sent();
      call.say('Half an ');
      await stage.shows(chat, 'Half an');
      await stage.shows(watching, 'Half an');
      const dead = stage.server;
      stage.server = await stage.startServer();
      await dead.kill();
      const next = await stage.model.call(1);
      expect(next.input.continuation).toMatchObject({ attempt: 2, reason: 'stopped', steps: 0, resumed: 'reset' });
      expect(next.input.messageId).toBe(call.input.messageId);
      next.say('A whole answer.');
      next.finish();
      await done;
      await stage.idle(watching);
      const reloaded = (await stage.device()).synced('c');
      await stage.shows(reloaded, 'A whole answer.');
      for (const each of [chat, watching, reloaded]) {
        expect(each.texts).toEqual(['user: hi', 'assistant: A whole answer.']);
        expect(each.messages.at(-1)?.parts.map(({ type }) => type)).toEqual(['step-start', 'text']);
        expect([each.nonces, each.error]).toEqual([[next.nonce], undefined]);
      }
      expect((await stage.finish()).outcome).toBe('finish');
      const types = (await stage.chunks('c')).map(({ type }) => type);
      const once = types.filter((type) => type === 'start' || type === 'start-step' || type === 'reset-step');
      expect(once).toEqual(['start', 'start-step', 'reset-step']);
      expect(stage.finished).toHaveLength(1);
    },
  },
  {
    id: 'hand-over/tools-once',
    title: 'runs no tool before the log has its call, so that no other server runs it again',
    server: goesOn,
    async run(stage) {
      const effects: string[] = [];
      const { chat, call, done } = await stage.sent();
      call.say('Let me book. ');
      await stage.shows(chat, 'Let me book.');
      // The log does not answer: nobody knows of the call.
      let answer = (): void => {};
      stage.held.append = new Promise((resolve) => {
        answer = resolve;
      });
      runTool(call, 'a', () => effects.push('in the first process'));
      await call.drained();
      const dead = stage.server;
      stage.server = await stage.startServer();
      await dead.kill();
      stage.held.append = undefined;
      answer();
      const next = await stage.model.call(1);
      runTool(next, 'a', () => effects.push('in the second process'));
      await until('the tool', () => effects.length > 0);
      next.push({ type: 'tool-output-available', toolCallId: 'a', output: 'booked' });
      next.finish();
      await done;
      expect(effects).toEqual(['in the second process']);
    },
  },
  {
    id: 'hand-over/repeated-call-id',
    title: 'waits for a call of its own, although an earlier one had the same id',
    server: goesOn,
    async run(stage) {
      const order: string[] = [];
      const { chat, call, done } = await stage.sent();
      call.push({ type: 'text-end', id: '0' });
      runTool(call, 'a', () => order.push('first call'));
      await until('the first call', () => order.length > 0);
      call.push({ type: 'tool-output-available', toolCallId: 'a', output: 1 }, { type: 'finish-step' });
      await until('its output', () => chat.messages.at(-1)?.parts.some((part) => 'output' in part));
      await stage.logged('c', 'finish-step');
      const dead = stage.server;
      stage.server = await stage.startServer();
      await dead.kill();
      const next = await stage.model.call(1);
      expect(next.input.continuation).toMatchObject({ steps: 1, resumed: 'boundary' });
      let answer = (): void => {};
      stage.held.append = new Promise<void>((resolve) => {
        answer = resolve;
      }).then(() => void order.push('log answers'));
      runTool(next, 'a', () => order.push('second call'));
      await next.drained();
      answer();
      await until('the second call', () => order.includes('second call'));
      expect(order).toEqual(['first call', 'log answers', 'second call']);
      next.push({ type: 'tool-output-available', toolCallId: 'a', output: 2 });
      next.finish();
      await done;
    },
  },
  {
    id: 'hand-over/unknown-effect',
    title: 'says that the effect of a call is unknown that was running when its server died, and does not take it back',
    server: goesOn,
    async run(stage) {
      const effects: string[] = [];
      const { chat, call, done } = await stage.sent();
      call.push({ type: 'text-end', id: '0' });
      runTool(call, 'a', () => effects.push('a'));
      await until('the tool', () => effects.length > 0);
      const dead = stage.server;
      stage.server = await stage.startServer();
      await dead.kill();
      const next = await stage.model.call(1);
      expect(next.input.continuation).toMatchObject({ steps: 1, resumed: 'seal' });
      const seen = next.input.messages.at(-1)?.parts.find((part) => 'toolCallId' in part);
      expect(seen).toMatchObject({ state: 'output-error', errorText: expect.stringContaining('unknown') });
      next.say('I do not know.');
      next.finish();
      await done;
      expect(chat.text).toContain('I do not know.');
      expect(chat.messages.at(-1)?.parts.find((part) => 'toolCallId' in part)).toMatchObject(seen ?? {});
      expect(effects).toEqual(['a']);
    },
  },
  {
    id: 'hand-over/late-words',
    title: 'goes on from the last words of the server before, also where it was asked while that one still wrote',
    server: goesOn,
    async run(stage) {
      const { chat, call, done } = await stage.sent();
      call.say('First words, ');
      await stage.shows(chat, 'First words,');
      const old = stage.server;
      let letGo = (): void => {};
      stage.held.takeOver = new Promise((resolve) => {
        letGo = resolve;
      });
      stage.server = await stage.startServer();
      const { runId } = call.input;
      const asked = stage.server.handler.runtime.continueRun({ chatId: 'c', runId, attempt: 1 });
      call.say('last words.');
      call.push({ type: 'text-end', id: '0' }, { type: 'finish-step' });
      await stage.logged('c', 'finish-step');
      await old.close();
      letGo();
      expect(await asked).toBe(true);
      // Only the end was missing.
      await done;
      expect(chat.texts).toEqual(['user: hi', 'assistant: First words, last words.']);
      expect([(await stage.finish()).outcome, stage.model.calls.length]).toEqual(['finish', 1]);
    },
  },
  {
    id: 'hand-over/superseded',
    title: 'shows and saves nothing of a server that wakes up while another one goes on with its answer',
    // It does not renew its lease, as if it was frozen, and leaves going on to others.
    server: { ...goesOn, renewEveryMs: 100_000, continueRun: async () => {} },
    async run(stage) {
      const watching = (await stage.device()).synced('c');
      const { chat, call, done } = await stage.sent();
      call.say('In time ');
      await stage.shows(chat, 'In time');
      const late = stage.server;
      stage.server = await stage.startServer({ ...goesOn, continueRun: undefined });
      // A device that asks the new server first makes it go on at once.
      await until(
        'the interruption',
        async () => stage.model.calls.length > 1 || (await stage.newest('c'))?.interrupted === true,
      );
      await stage.server.handler.sweep();
      const next = await stage.model.call(1);
      next.say('On time ');
      await stage.shows(watching, 'On time');
      const published = late.published.length;
      call.say('too late ');
      await until('the late server to notice', () => call.aborted);
      next.say('to the end.');
      next.finish();
      await done;
      await stage.idle(watching);
      for (const each of [chat, watching]) expect(each.texts).toEqual(['user: hi', 'assistant: On time to the end.']);
      expect((await stage.finish()).outcome).toBe('finish');
      await late.close();
      expect(stage.finished).toHaveLength(1);
      expect(late.published.slice(published)).toEqual([]);
    },
  },
];
