import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createChatHandler } from '@chat-transport/core/server';
import { sqliteLog } from '@chat-transport/sqlite';
import { createAdaptorServer } from '@hono/node-server';
import type { UIMessageChunk } from 'ai';
import { chatOptions } from './chat-options.ts';
import { respond } from './respond.ts';

/** How many words the answer has when its process dies. */
const wordsBeforeTheEnd = 25;

/** A process that answers one send and dies in the middle of the answer, as `kill -9` ends it: see crash.ts, which starts it. */
async function* dying(stream: AsyncIterable<UIMessageChunk>): AsyncGenerator<UIMessageChunk> {
  let words = 0;
  for await (const chunk of stream) {
    yield chunk;
    if (chunk.type === 'text-delta') words += 1;
    if (words >= wordsBeforeTheEnd) process.kill(process.pid, 'SIGKILL');
  }
}

const chat = createChatHandler({
  ...chatOptions,
  log: sqliteLog({ path: process.env.CHAT_DB ?? '' }),
  // The process that starts this one has asked, and nobody else knows the port.
  authorize: () => true,
  respond: async (input) => dying((await respond(input)) as AsyncIterable<UIMessageChunk>),
});
const server = createAdaptorServer({ fetch: chat }) as Server;
server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
// Its parent has gone.
process.once('disconnect', () => process.exit());
