import { ably } from '@chat-transport/ably/server';
import { memoryLog } from '@chat-transport/core/memory';
import type { RunLog } from '@chat-transport/core/provider';
import { type ChatHandler, createChatHandler } from '@chat-transport/core/server';
import { chatModel } from '@chat-transport/example-support/chat-model';
import { redisLog } from '@chat-transport/redis';
import { Realtime } from 'ably';
import { convertToModelMessages, isStepCount, streamText, toUIMessageStream } from 'ai';
import { after } from 'next/server';
import { createClient } from 'redis';
import { ablyEndpoint } from './ably-app.ts';

/** A chat's address is its key: whoever has the link may read and write. Ask your session here. */
const isChatId = (chatId: string): boolean => /^[0-9a-f-]{36}$/.test(chatId);

let handler: ChatHandler | undefined;

/** Made at the first request: building must not connect to anything. */
export function chatHandler(): ChatHandler {
  handler ??= createChatHandler({
    realtime: ably({
      client: new Realtime({ key: process.env.ABLY_API_KEY ?? '', echoMessages: false, ...ablyEndpoint() }),
    }),
    log: chatLog(),
    authorize: ({ chatId }) => isChatId(chatId),
    respond: async ({ messages, signal, steering }) =>
      toUIMessageStream({
        stream: streamText({
          model: chatModel(),
          messages: await convertToModelMessages(messages),
          abortSignal: signal,
          experimental_steering: steering,
          stopWhen: isStepCount(5),
        }).stream,
        originalMessages: messages,
      }),
    // The function lives until the answer is whole, whoever has gone by then.
    waitUntil: (work) => after(work),
    // Below the route's `maxDuration`, so that a long answer ends well instead of being cut.
    deadlineMs: 290_000,
  });
  return handler;
}

/** Without `REDIS_URL` in this process's memory: for one process, and refused on a platform of many. */
function chatLog(): RunLog {
  const { REDIS_URL } = process.env;
  if (!REDIS_URL) return memoryLog();
  const client = createClient({ url: REDIS_URL });
  client.on('error', (error) => console.error('Redis:', error));
  void client.connect();
  return redisLog({ client });
}
