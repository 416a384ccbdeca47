import {
  type ChatHandler,
  createChatHandler,
  type RespondInput,
  type RespondOutput,
} from '@chat-transport/core/server';
import { chatModel } from '@chat-transport/example-support/chat-model';
import { sqliteLog } from '@chat-transport/sqlite';
import { websocketServer } from '@chat-transport/websocket/server';
import { convertToModelMessages, isStepCount, streamText, toUIMessageStream } from 'ai';
import { socketPort } from './socket-port.ts';

/** What outlives this module: a development server evaluates it again at each change, and the port can be taken only once. */
const held = globalThis as {
  chatServer?: Promise<ChatHandler>;
  respond?: (input: RespondInput) => Promise<RespondOutput>;
};

held.respond = async ({ messages, signal, steering }) => {
  const { stream } = streamText({
    model: chatModel(),
    messages: await convertToModelMessages(messages),
    abortSignal: signal,
    experimental_steering: steering,
    stopWhen: isStepCount(5),
  });
  return toUIMessageStream({ stream, originalMessages: messages });
};

/** The one chat server of this process. `instrumentation.ts` starts it with Next.js. */
export function chatHandler(): Promise<ChatHandler> {
  held.chatServer ??= start();
  return held.chatServer;
}

async function start(): Promise<ChatHandler> {
  const realtime = websocketServer({ allowedOrigins: [process.env.ORIGIN ?? 'http://localhost:3000'] });
  const handler = createChatHandler({
    realtime,
    log: sqliteLog({ path: process.env.CHATS ?? 'chats.sqlite' }),
    // A chat's address is its key: whoever has the link may read and write. Ask your session here.
    authorize: ({ chatId }) => /^[0-9a-f-]{36}$/.test(chatId),
    // The newest version of it, also while you edit it.
    respond: (input) => (held.respond ? held.respond(input) : Promise.reject(new Error('There is no respond.'))),
  });
  await realtime.listen({ port: socketPort(), path: '/api/chat/socket' });
  setInterval(() => void handler.sweep().catch(console.error), 60_000).unref();
  return handler;
}
