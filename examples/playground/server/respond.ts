import type { LanguageModelV4 } from '@ai-sdk/provider';
import type { RespondInput, RespondOutput } from '@chat-transport/core/server';
import { convertToModelMessages, gateway, isStepCount, streamText, toUIMessageStream, type UIMessageChunk } from 'ai';
import { countModelCalls } from './model/model-calls.ts';
import { scriptedModel } from './model/scripted-model.ts';
import { tools } from './tools.ts';

/** The model behind the demo: scripted and without a key, or any model of the AI Gateway when its key is set. */
const model: LanguageModelV4 = process.env.AI_GATEWAY_API_KEY
  ? gateway(process.env.AI_MODEL ?? 'openai/gpt-5-mini')
  : scriptedModel();

/** Answers one run. This is what an app writes; all the rest of this folder is demo. */
export async function respond({
  chatId,
  messages,
  signal,
  steering,
  beforeTool,
  stopWhen,
}: RespondInput): Promise<RespondOutput> {
  const nonce = crypto.randomUUID();
  const result = streamText({
    model: countModelCalls(model, chatId),
    messages: await convertToModelMessages(messages, { tools }),
    tools,
    toolApproval: { launch: 'user-approval' },
    stopWhen: stopWhen(isStepCount(10)),
    // No tool runs before the log has its call: whoever goes on with a run knows what may have happened.
    onToolExecutionStart: ({ toolCall }) => beforeTool(toolCall.toolCallId),
    abortSignal: signal,
    experimental_steering: steering,
    onError: ({ error }) => console.error(`chat ${chatId}:`, error instanceof Error ? error.message : error),
  });
  const answer = toUIMessageStream({
    stream: result.stream,
    tools,
    originalMessages: messages,
    // One nonce per generation: every device must show the same one.
    messageMetadata: ({ part }) => (part.type === 'start' ? { nonce } : undefined),
    onError: (error) => (error instanceof Error ? error.message : 'The model failed.'),
  });
  return answer.pipeThrough(keepFailure());
}

/** Writes the text of a failure into the message, so that every device shows it, also after a reload. */
function keepFailure(): TransformStream<UIMessageChunk, UIMessageChunk> {
  return new TransformStream({
    transform(chunk, controller) {
      if (chunk.type === 'error')
        controller.enqueue({ type: 'message-metadata', messageMetadata: { failure: chunk.errorText } });
      controller.enqueue(chunk);
    },
  });
}
