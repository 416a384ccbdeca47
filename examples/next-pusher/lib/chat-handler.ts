import { Agent } from 'node:https';
import { memoryLog } from '@chat-transport/core/memory';
import type { RunLog } from '@chat-transport/core/provider';
import { type ChatHandler, type ChatHandlerOptions, createChatHandler } from '@chat-transport/core/server';
import { chatModel, readingTools } from '@chat-transport/example-support/chat-model';
import { pusher } from '@chat-transport/pusher/server';
import { redisLog } from '@chat-transport/redis';
import { convertToModelMessages, isStepCount, streamText, toUIMessageStream } from 'ai';
import { after } from 'next/server';
import Pusher from 'pusher';
import { createClient } from 'redis';

/** A chat's address is its key: whoever has the link may read and write. Ask your session here. */
const isChatId = (chatId: string): boolean => /^[0-9a-f-]{36}$/.test(chatId);

let handler: ChatHandler | undefined;

/** Made at the first request: building must not connect to anything. */
export function chatHandler(): ChatHandler {
  handler ??= createChatHandler({
    realtime: pusher({ client: pusherClient() }),
    log: chatLog(),
    authorize: ({ chatId }) => isChatId(chatId),
    respond: async ({ messages, signal, steering, beforeTool, stopWhen }) =>
      toUIMessageStream({
        stream: streamText({
          model: chatModel(),
          messages: await convertToModelMessages(messages),
          abortSignal: signal,
          experimental_steering: steering,
          tools: readingTools,
          onToolExecutionStart: ({ toolCall }) => beforeTool(toolCall.toolCallId),
          // Counts the steps of all functions together.
          stopWhen: stopWhen(isStepCount(20)),
        }).stream,
        originalMessages: messages,
      }),
    // The function lives until the answer is whole, whoever has gone by then.
    waitUntil: (work) => after(work),
    // An answer outlives its function: at the next step from 4 s on another one goes on, and in any case before the route's `maxDuration`.
    onInterrupted: 'continue',
    toolBarrier: true,
    tools: readingTools,
    softDeadlineMs: 4_000,
    deadlineMs: 8_000,
    maxContinuations: 20,
    ...callsItself(),
  });
  return handler;
}

/** How a function asks the next one to go on. Without a secret that is done by whoever reads the chat. */
function callsItself(): Pick<ChatHandlerOptions, 'continueSecret' | 'continueUrl'> {
  const { CONTINUE_SECRET, VERCEL_URL, APP_URL = `https://${VERCEL_URL}` } = process.env;
  return CONTINUE_SECRET ? { continueSecret: CONTINUE_SECRET, continueUrl: `${APP_URL}/api/chat` } : {};
}

function pusherClient(): Pusher {
  const { PUSHER_APP_ID = '', PUSHER_KEY = '', PUSHER_SECRET = '', PUSHER_CLUSTER = 'mt1' } = process.env;
  const app = { appId: PUSHER_APP_ID, key: PUSHER_KEY, secret: PUSHER_SECRET, timeout: 5_000 };
  const { PUSHER_HOST, PUSHER_PORT } = process.env;
  if (PUSHER_HOST) return new Pusher({ ...app, host: PUSHER_HOST, port: PUSHER_PORT ?? '80', useTLS: false });
  // One connection for all messages, not a handshake for each.
  return new Pusher({ ...app, cluster: PUSHER_CLUSTER, useTLS: true, agent: new Agent({ keepAlive: true }) });
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
