import { isStepCount, jsonSchema, streamText, tool, toUIMessageStream } from 'ai';
import { convertArrayToReadableStream, MockLanguageModelV4 } from 'ai/test';
import { expect } from 'vitest';
import type { ProviderCase } from '../../stage/provider-case.ts';
import type { Stage } from '../../stage/stage.ts';
import { until } from '../../stage/wait.ts';

/** Adding a message to an answer that is on its way. */
export const steerCases: readonly ProviderCase[] = [
  {
    id: 'steer/delivered',
    title: 'adds a message to a running answer, shows it on every device, and says that it was delivered',
    async run(stage) {
      const { release, prompts, isWorking } = await withTool(stage);
      const [a, b] = [await stage.device(), await stage.device()];
      const [chatA, chatB] = [a.synced('c'), b.synced('c')];
      await b.reaches('c', 'realtime');
      void chatA.sendMessage({ text: 'hi' });
      await until('the tool', isWorking);
      await until(
        'the run on the other device',
        () => chatB.status === 'streaming',
        () => chatB.seen,
      );
      const steered = b.transport.steer({ chatId: 'c', text: 'use Celsius' });
      await until('the steer at the server', () => stage.steers > 0);
      release();
      expect(await steered).toEqual({ outcome: 'delivered' });
      await stage.shows(chatA, 'done');
      await stage.shows(chatB, 'done');
      expect(prompts[1]?.match(/use Celsius/g)).toHaveLength(1);
      for (const chat of [chatA, chatB])
        expect(JSON.stringify(chat.messages.at(-1)).match(/use Celsius/g)).toHaveLength(1);
      await stage.idle(chatA, chatB);
      expect(chatA.texts).toEqual(chatB.texts);
    },
  },
  {
    id: 'steer/another-process',
    title: 'reaches an answer that another server process writes',
    async run(stage) {
      const { release, prompts, isWorking } = await withTool(stage);
      const chat = (await stage.device()).chat('c');
      const done = chat.sendMessage({ text: 'hi' });
      await until('the tool', isWorking);
      stage.server = await stage.startServer();
      const other = await stage.device();
      const steered = other.transport.steer({ chatId: 'c', text: 'use Celsius' });
      await until('the steer at the server', () => stage.steers > 0);
      release();
      expect(await steered).toEqual({ outcome: 'delivered' });
      await done;
      expect(prompts[1]?.match(/use Celsius/g)).toHaveLength(1);
    },
  },
  {
    id: 'steer/in-order',
    title: 'brings messages for a running answer in their order, also around a cut of the network',
    async run(stage) {
      const { device, chat, call, done } = await stage.sent();
      call.say('part ');
      await stage.shows(chat, 'part');
      const texts = ['s1', 's2', 's3', 's4', 's5', 's6'];
      device.goOffline();
      const steers = texts.map((text) => device.transport.steer({ chatId: 'c', text }));
      await until('a failed request', () => device.events.some(({ type }) => type === 'http-failed'));
      device.goOnline();
      await until(
        'all steers',
        () => stage.steers === texts.length,
        () => stage.steerTexts,
      );
      expect(stage.steerTexts).toEqual(texts);
      call.finish();
      await Promise.all([done, ...steers]);
    },
  },
  {
    id: 'steer/ignored',
    title: 'says that a message was not delivered where the answer takes none',
    async run(stage) {
      const { device, call, done } = await stage.sent();
      await device.reaches('c', 'realtime');
      const steered = device.transport.steer({ chatId: 'c', text: 'shorter' });
      await until('the steer at the server', () => stage.steers > 0);
      call.finish();
      expect(await steered).toMatchObject({ outcome: 'not-delivered' });
      await done;
    },
  },
  {
    id: 'steer/cancelled',
    title: 'says that a message was not delivered when the answer was stopped',
    async run(stage) {
      const { device, chat, done } = await stage.sent();
      await device.reaches('c', 'realtime');
      const steered = device.transport.steer({ chatId: 'c', text: 'shorter' });
      await until('the steer at the server', () => stage.steers > 0);
      await chat.stop();
      expect(await steered).toMatchObject({ outcome: 'not-delivered' });
      await done;
    },
  },
  {
    id: 'steer/nothing',
    title: 'says that there is no answer to steer',
    async run(stage) {
      const { transport } = await stage.device();
      expect(await transport.steer({ chatId: 'c', text: 'x' })).toEqual({ outcome: 'not-delivered', reason: 'ended' });
    },
  },
];

const usage = {
  inputTokens: { total: 1, noCache: 1, cacheRead: undefined, cacheWrite: undefined },
  outputTokens: { total: 1, text: 1, reasoning: undefined },
};

/** The AI SDK's own `streamText`, in two steps with a tool between them that works until it is released. */
async function withTool(stage: Stage): Promise<{ release: () => void; prompts: string[]; isWorking: () => boolean }> {
  const prompts: string[] = [];
  let release = (): void => {};
  let working = false;
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  const model = new MockLanguageModelV4({
    doStream: async ({ prompt }) => {
      prompts.push(JSON.stringify(prompt));
      return prompts.length === 1
        ? {
            stream: convertArrayToReadableStream([
              { type: 'tool-call', toolCallId: 'call', toolName: 'look', input: '{}' },
              { type: 'finish', finishReason: { unified: 'tool-calls', raw: undefined }, usage },
            ]),
          }
        : {
            stream: convertArrayToReadableStream([
              { type: 'text-start', id: 't' },
              { type: 'text-delta', id: 't', delta: 'done' },
              { type: 'text-end', id: 't' },
              { type: 'finish', finishReason: { unified: 'stop', raw: undefined }, usage },
            ]),
          };
    },
  });
  const look = tool({
    inputSchema: jsonSchema<object>({ type: 'object' }),
    execute: () => {
      working = true;
      return released;
    },
  });
  stage.server = await stage.startServer({
    respond: ({ messages, signal, steering }) =>
      toUIMessageStream({
        stream: streamText({
          model,
          prompt: 'x',
          abortSignal: signal,
          experimental_steering: steering,
          stopWhen: isStepCount(4),
          tools: { look },
        }).stream,
        originalMessages: messages,
      }),
  });
  return { release, prompts, isWorking: () => working };
}
