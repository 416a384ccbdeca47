import { join } from 'node:path';
import { createChatHandler } from '@chat-transport/core/server';
import { chatModel } from '@chat-transport/example-support/chat-model';
import { sqliteLog } from '@chat-transport/sqlite';
import { websocketServer } from '@chat-transport/websocket/server';
import { getRequestListener } from '@hono/node-server';
import { convertToModelMessages, streamText, toUIMessageStream } from 'ai';
import express from 'express';

const { PORT = '3000', CHATS = 'chats.sqlite', PAGE = join(import.meta.dirname, 'dist') } = process.env;
const notified: string[] = [];
const realtime = websocketServer();
const chat = createChatHandler({
  realtime,
  log: sqliteLog({ path: CHATS }),
  // A chat's address is its key: whoever has the link may read and write. Ask your session here.
  authorize: ({ chatId }) => /^[0-9a-f-]{36}$/.test(chatId),
  respond: async ({ messages, signal }) => {
    const prompt = await convertToModelMessages(messages);
    const { stream } = streamText({ model: chatModel(), messages: prompt, abortSignal: signal });
    return toUIMessageStream({ stream, originalMessages: messages });
  },
  onFinish: ({ chatId, runId, outcome, watchers }) => {
    if (watchers === 0 && runId.startsWith('report-')) notify(chatId, outcome);
  },
});

/** Your e-mail or push service. It may be called twice for one run: send by the run's id. */
function notify(chatId: string, outcome: string): void {
  notified.push(chatId);
  console.log(
    `Nobody is watching: tell them that their report is there (${outcome}): http://localhost:${PORT}/chat/${chatId}`,
  );
}

/** The job, as a queue or cron would call it. The same `runId` again starts nothing twice. */
async function writeReport(chatId: string, jobId: string): Promise<void> {
  const message = { id: `report-${jobId}`, role: 'user' as const, parts: [{ type: 'text' as const, text: 'report' }] };
  await chat.runtime.start({ chatId, runId: message.id, message });
}

const app = express();
app.use('/api/chat', getRequestListener(chat)); // before any body parser
app.post('/report/:id', async (request, response) => {
  await writeReport(request.params.id, crypto.randomUUID());
  response.sendStatus(202);
});
app.get('/notified', (_request, response) => response.json(notified));
app.use(express.static(PAGE, { index: false }));
app.get('/', (_request, response) => response.redirect(`/chat/${crypto.randomUUID()}`));
app.get('/chat/:id', (_request, response) => response.sendFile(join(PAGE, 'index.html')));
realtime.attach(app.listen(Number(PORT), () => console.log(`http://localhost:${PORT}`)));
