// What an app's server writes, type-checked against the built packages with each version of the AI SDK and of zod that the server takes.
import { createChatHandler } from '@chat-transport/core/server';
import { sqliteLog } from '@chat-transport/sqlite';
import { websocketServer } from '@chat-transport/websocket/server';
import { convertToModelMessages, isStepCount, type LanguageModel, streamText, tool, toUIMessageStream } from 'ai';
import { z } from 'zod';

declare const model: LanguageModel;
const tools = {
  weather: tool({
    inputSchema: z.object({ city: z.string() }),
    execute: ({ city }) => `It rains in ${city}.`,
  }),
};

export const handler = createChatHandler({
  realtime: websocketServer(),
  log: sqliteLog({ path: ':memory:' }),
  tools,
  metadataSchema: z.object({ sentAt: z.number() }),
  authorize: ({ request }) => request.headers.has('authorization'),
  respond: async ({ messages, signal, steering }) => {
    const { stream } = streamText({
      model,
      tools,
      messages: await convertToModelMessages(messages, { tools }),
      stopWhen: isStepCount(5),
      abortSignal: signal,
      experimental_steering: steering,
    });
    return toUIMessageStream({ stream, tools, originalMessages: messages });
  },
});
