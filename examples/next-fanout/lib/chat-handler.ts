import { memoryLog } from '@chat-transport/core/memory';
import type { RunLog } from '@chat-transport/core/provider';
import { type AuthorizeResult, type ChatHandler, createChatHandler } from '@chat-transport/core/server';
import { chatModel } from '@chat-transport/example-support/chat-model';
import { fanout } from '@chat-transport/fanout/server';
import { redisLog } from '@chat-transport/redis';
import { convertToModelMessages, isStepCount, streamText, toUIMessageStream } from 'ai';
import { after } from 'next/server';
import { createClient } from 'redis';
import { requestUser } from './session.ts';
import { setting } from './settings.ts';

let handler: ChatHandler | undefined;

/** Made at the first request: building must not connect to anything. */
export function chatHandler(): ChatHandler {
  handler ??= createChatHandler({
    realtime: fanout({ grip: setting('GRIP_URL'), secret: setting('CHAT_SECRET') }),
    log: chatLog(),
    authorize: ({ request, chatId }) => mayUse(request, chatId),
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

/** A chat's id begins with its owner's name. An app with a database looks up who has the chat. */
function mayUse(request: Request, chatId: string): AuthorizeResult {
  const userId = requestUser(request);
  if (userId === undefined) return new Response('Sign in first.', { status: 401 });
  return chatId.startsWith(`${userId}-`) && { userId };
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
