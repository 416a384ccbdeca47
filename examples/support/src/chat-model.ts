import { setTimeout as sleep } from 'node:timers/promises';
import type { LanguageModelV4, LanguageModelV4Prompt, LanguageModelV4StreamPart } from '@ai-sdk/provider';
import { jsonSchema, type LanguageModel, type Tool, tool } from 'ai';

/** A model by way of the AI Gateway where there is a key for it; else one that needs none. */
export function chatModel(): LanguageModel {
  return process.env.AI_GATEWAY_API_KEY ? (process.env.AI_MODEL ?? 'openai/gpt-5-mini') : countingModel;
}

const usage = {
  inputTokens: { total: 0, noCache: 0, cacheRead: undefined, cacheWrite: undefined },
  outputTokens: { total: 0, text: 0, reasoning: undefined },
};

/** A report that the model can read page by page. Each page is a step of the answer, of five seconds. */
export const readingTools: { readonly readPage: Tool<{ page: number }, { read: number }> } = {
  readPage: tool({
    description: 'Reads one page of the report.',
    inputSchema: jsonSchema<{ page: number }>({
      type: 'object',
      properties: { page: { type: 'integer', minimum: 1 } },
      required: ['page'],
    }),
    execute: async ({ page }) => ({ read: page }),
  }),
};

/**
 * Repeats the prompt and counts to 100, twenty numbers a second, so that there is time to reload, stop and break things. It counts further where it is asked
 * to `count to 400`. Where it has `readingTools` and is asked to `read 12 pages`, it counts for each of them.
 */
const countingModel: LanguageModelV4 = {
  specificationVersion: 'v4',
  provider: 'example-support',
  modelId: 'counting',
  supportedUrls: {},
  doGenerate: async () => {
    throw new Error('This model only streams.');
  },
  doStream: async ({ prompt, tools = [], abortSignal }) => {
    const askedAt = prompt.findLastIndex(({ role }) => role === 'user');
    const text = askedAt < 0 ? '' : textOf(prompt[askedAt]?.content ?? []);
    const pages = tools.some(({ name }) => name === 'readPage') ? Number(/^read (\d+) pages/i.exec(text)?.[1] ?? 0) : 0;
    if (pages === 0) return { stream: streamOf(count(`“${text}” (${mark()}):`, lastNumber(text), abortSignal)) };
    // It keeps nothing between two steps: any process can go on.
    const read = prompt.slice(askedAt).filter(({ role }) => role === 'tool').length;
    return {
      stream: streamOf(read < pages ? readPage(read + 1, abortSignal) : say(`That was all of it, ${pages} pages.`)),
    };
  },
};

const defaultLastNumber = 100;

type Parts = AsyncGenerator<LanguageModelV4StreamPart>;

/** Tells two answers to one prompt apart. */
const mark = (): string => crypto.randomUUID().slice(0, 8);

function lastNumber(prompt: string): number {
  return Math.min(Number(/count to (\d+)/i.exec(prompt)?.[1] ?? defaultLastNumber), 1000);
}

async function* count(title: string, last: number, abortSignal: AbortSignal | undefined): Parts {
  yield* countOnly(title, last, abortSignal);
  yield { type: 'finish', finishReason: { unified: 'stop', raw: undefined }, usage };
}

async function* countOnly(title: string, last: number, abortSignal: AbortSignal | undefined): Parts {
  yield { type: 'text-start', id: '0' };
  yield { type: 'text-delta', id: '0', delta: title };
  for (let number = 1; number <= last; number += 1) {
    await sleep(50, undefined, abortSignal ? { signal: abortSignal } : {});
    yield { type: 'text-delta', id: '0', delta: ` ${number}` };
  }
  yield { type: 'text-end', id: '0' };
}

async function* readPage(page: number, abortSignal: AbortSignal | undefined): Parts {
  yield* countOnly(`Page ${page} (${mark()}):`, defaultLastNumber, abortSignal);
  const input = JSON.stringify({ page });
  yield { type: 'tool-call', toolCallId: `page-${page}-${mark()}`, toolName: 'readPage', input };
  yield { type: 'finish', finishReason: { unified: 'tool-calls', raw: undefined }, usage };
}

async function* say(text: string): Parts {
  yield { type: 'text-start', id: '0' };
  yield { type: 'text-delta', id: '0', delta: text };
  yield { type: 'text-end', id: '0' };
  yield { type: 'finish', finishReason: { unified: 'stop', raw: undefined }, usage };
}

function textOf(content: LanguageModelV4Prompt[number]['content']): string {
  return typeof content === 'string'
    ? content
    : content.map((part) => (part.type === 'text' ? part.text : '')).join('');
}

function streamOf(parts: Parts): ReadableStream<LanguageModelV4StreamPart> {
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await parts.next();
      if (done) controller.close();
      else controller.enqueue(value);
    },
  });
}
