// What an answer costs in published messages and requests to the function, counted behind a real Pushpin: `pnpm messages`, `--json`.
import type { Server } from 'node:http';
import { TestChat } from '@chat-transport/contract';
import { syncChat } from '@chat-transport/core';
import { memoryLog } from '@chat-transport/core/memory';
import { type ChatHandler, createChatHandler } from '@chat-transport/core/server';
import { until } from '@chat-transport/local-services';
import { createAdaptorServer } from '@hono/node-server';
import type { UIMessageChunk } from 'ai';
import { FanoutChatTransport } from '../src/index.ts';
import { fanout } from '../src/server.ts';
import { type CarrierName, carriers, secret, startPushpinService } from '../test/support/pushpin-service.ts';

const tokens = 500;
const tokensPerSecond = 100;
const devices = 2;

/** A model that says a word of about five letters per token, at an even pace. */
async function* answer(): AsyncGenerator<UIMessageChunk> {
  yield { type: 'start' };
  yield { type: 'text-start', id: '0' };
  const startedAt = performance.now();
  for (let token = 0; token < tokens; token += 1) {
    const waitMs = startedAt + (token * 1000) / tokensPerSecond - performance.now();
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    yield { type: 'text-delta', id: '0', delta: 'words ' };
  }
  yield { type: 'text-end', id: '0' };
  yield { type: 'finish', finishReason: 'stop' };
}

interface Counts {
  readonly carrier: CarrierName;
  /** Whether the process that writes the answer gets no other request. */
  readonly writesApart: boolean;
  readonly publishes: number;
  readonly opening: number;
  readonly answering: number;
}

async function count(carrier: CarrierName, writesApart = false): Promise<Counts> {
  const service = await startPushpinService();
  const log = memoryLog({ allowServerless: true });
  let [publishes, requests] = [0, 0];
  /** What one process has. */
  const startHandler = (): ChatHandler => {
    const realtime = fanout({ grip: service.pushpin.gripUrl, secret });
    return createChatHandler({
      log,
      realtime: {
        ...realtime,
        publish(...call) {
          publishes += 1;
          return realtime.publish(...call);
        },
      },
      authorize: () => true,
      respond: answer,
    });
  };
  const writing = startHandler();
  const reading = writesApart ? startHandler() : writing;
  const server = createAdaptorServer({
    fetch: (request: Request) => {
      requests += 1;
      const isSend = request.method === 'POST' && new URL(request.url).pathname === '/api/chat';
      return isSend ? writing(request) : reading(request);
    },
  }) as Server;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  service.attach(server);
  const api = `http://127.0.0.1:${service.pushpin.port}/api/chat`;
  const chats = Array.from({ length: devices }, () => {
    const transport = new FanoutChatTransport({ api, carrier: carriers[carrier] });
    const chat = new TestChat({ id: 'c', transport });
    return { chat, transport, synced: syncChat(chat, transport) };
  });
  const isLive = ({ transport }: (typeof chats)[number]): boolean =>
    transport.connection('c').getSnapshot().path === 'realtime';
  await until('devices that follow', () => chats.every(isLive));
  const opening = requests;
  await chats[0]?.chat.sendMessage({ text: 'hi' });
  await until('two whole answers', () => chats.every(({ chat }) => chat.isIdle && chat.text.length === tokens * 6));
  const answering = requests - opening;
  for (const { synced, transport } of chats) {
    synced();
    transport.close();
  }
  for (const handler of new Set([writing, reading])) await handler.runtime.close();
  server.closeAllConnections();
  server.close();
  await service.close();
  return { carrier, writesApart, publishes, opening, answering };
}

const results = [await count('websocket'), await count('stream'), await count('stream', true)];
const table = [
  `${tokens} tokens at ${tokensPerSecond} per second, ${devices} devices.`,
  '',
  '| carrier | messages published | requests as the devices open the chat | requests of the answer |',
  '| --- | --- | --- | --- |',
  ...results.map(
    ({ carrier, writesApart, publishes, opening, answering }) =>
      `| ${carrier}${writesApart ? ', another process answers the proxy' : ''} | ${publishes} | ${opening} | ${answering} |`,
  ),
];
const isJson = process.argv.includes('--json');
process.stdout.write(`${isJson ? JSON.stringify({ tokens, devices, results }, null, 2) : table.join('\n')}\n`);
process.exit(0);
