import { setTimeout as sleep } from 'node:timers/promises';
import type { LanguageModelV4, LanguageModelV4StreamPart } from '@ai-sdk/provider';
import type { LanguageModel } from 'ai';

/** A model by way of the AI Gateway where there is a key for it; else one that needs none. */
export function chatModel(): LanguageModel {
  return process.env.AI_GATEWAY_API_KEY ? (process.env.AI_MODEL ?? 'openai/gpt-5-mini') : countingModel;
}

const usage = {
  inputTokens: { total: 0, noCache: 0, cacheRead: undefined, cacheWrite: undefined },
  outputTokens: { total: 0, text: 0, reasoning: undefined },
};

/** Repeats the prompt and counts to 100, twenty numbers a second, so that there is time to reload, stop and break things. */
const countingModel: LanguageModelV4 = {
  specificationVersion: 'v4',
  provider: 'example-support',
  modelId: 'counting',
  supportedUrls: {},
  doGenerate: async () => {
    throw new Error('This model only streams.');
  },
  doStream: async ({ prompt, abortSignal }) => {
    const last = prompt.findLast(({ role }) => role === 'user')?.content ?? [];
    const text = typeof last === 'string' ? last : last.map((part) => (part.type === 'text' ? part.text : '')).join('');
    return { stream: count(text, abortSignal) };
  },
};

function count(prompt: string, abortSignal: AbortSignal | undefined): ReadableStream<LanguageModelV4StreamPart> {
  const parts = (async function* (): AsyncGenerator<LanguageModelV4StreamPart> {
    yield { type: 'text-start', id: '0' };
    yield { type: 'text-delta', id: '0', delta: `“${prompt}” (${crypto.randomUUID().slice(0, 8)}):` };
    for (let number = 1; number <= 100; number += 1) {
      await sleep(50, undefined, abortSignal ? { signal: abortSignal } : {});
      yield { type: 'text-delta', id: '0', delta: ` ${number}` };
    }
    yield { type: 'text-end', id: '0' };
    yield { type: 'finish', finishReason: { unified: 'stop', raw: undefined }, usage };
  })();
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await parts.next();
      if (done) controller.close();
      else controller.enqueue(value);
    },
  });
}
