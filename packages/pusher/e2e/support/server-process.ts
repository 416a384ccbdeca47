import { redisLog } from '@chat-transport/redis';
import { isStepCount, streamText, toUIMessageStream } from 'ai';
import { MockLanguageModelV4 } from 'ai/test';
import { createClient } from 'redis';
import { serveChat } from '../../test/support/chat-app.ts';
import type { Setup, Tell } from './spawn-server.ts';

// One server process of a chat: it is told what its model says, and tells what happens to it. The AI SDK streams in between.

type Parts = Awaited<ReturnType<MockLanguageModelV4['doStream']>>['stream'];
type Part = Parts extends ReadableStream<infer Each> ? Each : never;

const { redisUrl, app, apiPort, leaseMs }: Setup = JSON.parse(process.argv[2] ?? '');
const tell = (message: Tell): void => void process.send?.(message);
const usage = {
  inputTokens: { total: 1, noCache: 1, cacheRead: undefined, cacheWrite: undefined },
  outputTokens: { total: 1, text: 1, reasoning: undefined },
};
let say = (_part: Part | null): void => {};

/** A step of the model: its first says what it is told to, one after a steer says what it heard. */
function step(prompt: unknown): Parts {
  const steer = /steer: \w+/.exec(JSON.stringify(prompt))?.[0];
  return new ReadableStream({
    start(controller) {
      controller.enqueue({ type: 'text-start', id: '0' });
      say = (part) => {
        if (part) return controller.enqueue(part);
        controller.enqueue({ type: 'text-end', id: '0' });
        controller.enqueue({ type: 'finish', finishReason: { unified: 'stop', raw: undefined }, usage });
        controller.close();
      };
      if (!steer) return;
      say({ type: 'text-delta', id: '0', delta: `heard ${steer}` });
      say(null);
    },
  });
}

const model = new MockLanguageModelV4({
  doStream: async ({ prompt }) => {
    tell({ type: 'called' });
    return { stream: step(prompt) };
  },
});
const client = await createClient({ url: redisUrl })
  .on('error', () => {})
  .connect();
const { api } = await serveChat({
  ...{ app, apiPort },
  log: redisLog({ client }),
  respond({ messages, signal, steering }) {
    signal.addEventListener('abort', () => tell({ type: 'aborted' }));
    const { steer } = steering;
    Object.assign(steering, {
      steer(...parameters: Parameters<typeof steer>) {
        tell({ type: 'steered' });
        return steer.apply(steering, parameters);
      },
    });
    const { stream } = streamText({
      model,
      prompt: 'x',
      abortSignal: signal,
      experimental_steering: steering,
      stopWhen: isStepCount(4),
    });
    return toUIMessageStream({ stream, originalMessages: messages });
  },
  handler: { leaseMs, renewEveryMs: leaseMs / 4, heartbeatMs: 400 },
});

process.on('message', (words: string | null) =>
  say(words === null ? null : { type: 'text-delta', id: '0', delta: words }),
);
process.on('disconnect', () => process.exit());
tell({ type: 'ready', api });
