import type { LanguageModelV4, LanguageModelV4StreamPart } from '@ai-sdk/provider';
import { wrapLanguageModel } from 'ai';

/** What the model did for one chat since the server started. Times are milliseconds since 1970. */
export interface ModelCalls {
  /** How many times the model was called: once per step. */
  readonly calls: number;
  /** How many stream parts it has produced. */
  readonly chunks: number;
  /** Whether the abort signal fired during a call. */
  readonly aborted: boolean;
  /** When it fired last. */
  readonly abortedAt: number | null;
}

const none: ModelCalls = { calls: 0, chunks: 0, aborted: false, abortedAt: null };
const callsByChat = new Map<string, ModelCalls>();

export function modelCalls(chatId: string): ModelCalls {
  return callsByChat.get(chatId) ?? none;
}

/** Wraps a model so that its calls count for `chatId`: whether an answer was generated once, and whether a stop reached the model. */
export function countModelCalls(model: LanguageModelV4, chatId: string): LanguageModelV4 {
  const update = (change: (calls: ModelCalls) => Partial<ModelCalls>): void => {
    const before = modelCalls(chatId);
    callsByChat.set(chatId, { ...before, ...change(before) });
  };
  return wrapLanguageModel({
    model,
    middleware: {
      specificationVersion: 'v4',
      async wrapStream({ doStream, params }) {
        update(({ calls }) => ({ calls: calls + 1 }));
        const onAbort = (): void => update(() => ({ aborted: true, abortedAt: Date.now() }));
        params.abortSignal?.addEventListener('abort', onAbort, { once: true });
        const result = await doStream();
        const counter = new TransformStream<LanguageModelV4StreamPart, LanguageModelV4StreamPart>({
          transform(part, controller) {
            update(({ chunks }) => ({ chunks: chunks + 1 }));
            controller.enqueue(part);
          },
          flush() {
            params.abortSignal?.removeEventListener('abort', onAbort);
          },
        });
        return { ...result, stream: result.stream.pipeThrough(counter) };
      },
    },
  });
}
