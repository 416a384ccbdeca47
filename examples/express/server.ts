import { join, resolve } from 'node:path';
import { createChatHandler } from '@chat-transport/core/server';
import { chatModel } from '@chat-transport/example-support/chat-model';
import { sqliteLog } from '@chat-transport/sqlite';
import { websocketServer } from '@chat-transport/websocket/server';
import { getRequestListener } from '@hono/node-server';
import { convertToModelMessages, isStepCount, streamText, toUIMessageStream } from 'ai';
import express from 'express';

const { PORT = '3000', CHATS = 'chats.sqlite', PAGE = join(import.meta.dirname, 'dist') } = process.env;
const page = resolve(PAGE);
const log = sqliteLog({ path: CHATS });
const realtime = websocketServer();
const chat = createChatHandler({
  realtime,
  log,
  // A chat's address is its key: whoever has the link may read and write. Ask your session here.
  authorize: ({ chatId }) => /^[0-9a-f-]{36}$/.test(chatId),
  respond: async ({ messages, signal, steering }) => {
    const { stream } = streamText({
      model: chatModel(),
      messages: await convertToModelMessages(messages),
      abortSignal: signal,
      experimental_steering: steering,
      stopWhen: isStepCount(5),
    });
    return toUIMessageStream({ stream, originalMessages: messages });
  },
});

const app = express();
app.use('/api/chat', getRequestListener(chat)); // before any body parser
app.use(express.static(page, { index: false }));
app.get('/', (_request, response) => response.redirect(`/chat/${crypto.randomUUID()}`));
app.get('/chat/:id', (_request, response) => response.sendFile(join(page, 'index.html')));

const server = app.listen(Number(PORT), () => console.log(`http://localhost:${PORT}`));
realtime.attach(server); // sockets at /api/chat/socket

// For runs whose writers died and that nobody reads.
const sweeping = setInterval(() => void chat.sweep().catch(console.error), 60_000);

process.once('SIGTERM', async () => {
  clearInterval(sweeping);
  await chat.runtime.close(); // ends running answers as `deadline`, saved
  await realtime.close();
  server.close();
  await log.close();
});
