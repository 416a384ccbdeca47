import { setTimeout as sleep } from 'node:timers/promises';
import type { LanguageModelV4, LanguageModelV4CallOptions, LanguageModelV4StreamPart } from '@ai-sdk/provider';
import { type Script, writeScript } from './script.ts';

/** A language model without a key: it answers any prompt from a script, token by token, and obeys the slash words in it. */
export function scriptedModel(): LanguageModelV4 {
  return {
    specificationVersion: 'v4',
    provider: 'playground',
    modelId: 'scripted',
    supportedUrls: {},
    doGenerate: async () => {
      throw new Error('The scripted model only streams.');
    },
    doStream: async ({ prompt, abortSignal }: LanguageModelV4CallOptions) => ({
      stream: toStream(writeScript(prompt), abortSignal),
    }),
  };
}

function toStream(script: Script, abortSignal: AbortSignal | undefined): ReadableStream<LanguageModelV4StreamPart> {
  const cancelled = new AbortController();
  const parts = play(script, abortSignal ? AbortSignal.any([abortSignal, cancelled.signal]) : cancelled.signal);
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await parts.next();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    cancel(reason) {
      cancelled.abort(reason);
    },
  });
}

/** How far behind its own pace the model catches up at once, in milliseconds: timers are no finer than one. */
const catchUpMs = 50;

async function* play(
  { beats, rate }: Script,
  signal: AbortSignal,
): AsyncGenerator<LanguageModelV4StreamPart, undefined> {
  let dueAt = performance.now();
  for (const beat of beats) {
    signal.throwIfAborted();
    if ('silenceMs' in beat) {
      await sleep(beat.silenceMs, undefined, { signal });
      dueAt = performance.now();
      continue;
    }
    if (beat.paced) {
      dueAt = Math.max(dueAt, performance.now() - catchUpMs) + 1000 / rate;
      const waitMs = dueAt - performance.now();
      if (waitMs > 0) await sleep(waitMs, undefined, { signal });
    }
    yield beat.part;
  }
}
