import { mkdirSync } from 'node:fs';
import type { IncomingMessage, Server } from 'node:http';
import type { AddressInfo, Server as NetServer } from 'node:net';
import { dirname, resolve } from 'node:path';
import type { Duplex } from 'node:stream';
import { createChatHandler } from '@chat-transport/core/server';
import { sqliteLog } from '@chat-transport/sqlite';
import { createAdaptorServer } from '@hono/node-server';
import { createAccessList } from './access.ts';
import { createApp, isOwnPage } from './app.ts';
import { chatOptions } from './chat-options.ts';
import { withCrashes } from './crash.ts';
import { createNetwork } from './network.ts';
import { createRealtime } from './provider.ts';

const folder = resolve(import.meta.dirname, '..');
const wantedPort = Number(process.env.PORT ?? 3000);
const database = process.env.CHAT_DB ?? resolve(folder, '.data/chats.db');

/** Listens on this computer only: the demo asks nobody who they are. */
async function listen(server: NetServer, port: number): Promise<number> {
  await new Promise<void>((done, failed) => {
    server.once('error', failed);
    server.listen(port, '127.0.0.1', () => done());
  });
  return (server.address() as AddressInfo).port;
}

/** The socket server lets pages of its own host in. A tab's own host stands for the page's. */
function namePage({ headers }: IncomingMessage, socket: Duplex): void {
  socket.on('error', () => socket.destroy());
  if (headers.origin && isOwnPage(headers.origin, headers.host)) headers.host = new URL(headers.origin).host;
}

async function start(): Promise<void> {
  // The browser speaks to the network (a TCP proxy), the network to the app.
  const network = createNetwork(() => (server.address() as AddressInfo).port);
  const access = createAccessList((revocation) => chat.runtime.revoke(revocation));
  const app = createApp({ chat: (request) => answer(request), network, access, page: resolve(folder, 'dist') });
  const server = createAdaptorServer({ fetch: app.fetch }) as Server;
  await listen(server, 0);
  server.on('upgrade', namePage);
  mkdirSync(dirname(database), { recursive: true });
  const log = sqliteLog({ path: database });
  const realtime = createRealtime(server);
  const chat = createChatHandler({
    realtime,
    log,
    // Every chat is open to everybody on this computer who knows its id. A real app asks its session here.
    authorize: access.authorize,
    ...chatOptions,
  });
  const answer = withCrashes(chat, { database, isAllowed: access.isOpen });
  const port = await listen(network.server, wantedPort);
  console.log(`The playground is at http://127.0.0.1:${port}`);

  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, async () => {
      network.close();
      await realtime.close();
      await log.close();
      process.exit(0);
    });
  }
}

start().catch((error: NodeJS.ErrnoException) => {
  const taken = error.code === 'EADDRINUSE';
  console.error(taken ? `Port ${wantedPort} is taken. Choose another one: PORT=3001 npm run demo` : error);
  process.exit(1);
});
