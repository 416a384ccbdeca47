import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { TestChat } from '@chat-transport/contract';
import { syncChat } from '@chat-transport/core';
import type { RunLog } from '@chat-transport/core/provider';
import { type ChatHandlerOptions, createChatHandler } from '@chat-transport/core/server';
import type { PusherApp } from '@chat-transport/local-services';
import { createAdaptorServer } from '@hono/node-server';
import Pusher, { type Options } from 'pusher-js';
import { PusherChatTransport, type PusherChatTransportOptions } from '../../src/index.ts';
import { type PusherServerOptions, pusher } from '../../src/server.ts';
import { serverClient } from './harness.ts';

/** A chat server behind real HTTP. */
export interface ChatApp {
  readonly api: string;
  close(): Promise<void>;
}

/** Serves chats that publish to the Pusher API on `apiPort`. */
export async function serveChat(options: {
  readonly app: PusherApp;
  readonly apiPort: number;
  readonly log: RunLog;
  readonly respond: ChatHandlerOptions['respond'];
  readonly authorize?: ChatHandlerOptions['authorize'];
  readonly pusher?: Partial<PusherServerOptions>;
  readonly handler?: Partial<ChatHandlerOptions>;
}): Promise<ChatApp> {
  const { app, apiPort, log, respond, authorize = () => true } = options;
  const realtime = pusher({ client: serverClient(app, apiPort), flushIntervalMs: 0, ...options.pusher });
  const handler = createChatHandler({ realtime, log, authorize, respond, ...options.handler });
  const server = createAdaptorServer({ fetch: handler }) as Server;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    api: `http://127.0.0.1:${(server.address() as AddressInfo).port}/api/chat`,
    async close() {
      await handler.runtime.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** A page: one client, one transport, and one chat that is kept in step with other devices. */
export interface Page {
  readonly client: Pusher;
  readonly transport: PusherChatTransport;
  readonly chat: TestChat;
  close(): void;
}

export function openPage(options: {
  readonly api: string;
  readonly app: PusherApp;
  readonly socketHost: string;
  readonly chatId?: string;
  readonly pusher?: Partial<Options>;
  readonly transport?: Partial<PusherChatTransportOptions>;
}): Page {
  const { api, app, socketHost, chatId = 'c' } = options;
  const client = clientOf(app, socketHost, { ...authorizedBy(api), ...options.pusher });
  const transport = new PusherChatTransport({ api, client, clientId: crypto.randomUUID(), ...options.transport });
  const chat = new TestChat({ id: chatId, transport });
  const leave = syncChat(chat, transport);
  return {
    client,
    transport,
    chat,
    close() {
      leave();
      transport.close();
      client.disconnect();
    },
  };
}

/** The vendor's client for browsers, on a Pusher server of this machine. */
export function clientOf({ key }: PusherApp, host: string, options: Partial<Options> = {}): Pusher {
  const [wsHost = '', port] = host.split(':');
  return new Pusher(key, {
    ...{ cluster: 'local', wsHost, wsPort: Number(port), httpHost: wsHost, httpPort: Number(port) },
    ...{ forceTLS: false, enabledTransports: ['ws'] },
    ...options,
  });
}

function authorizedBy(api: string): Partial<Options> {
  return { channelAuthorization: { endpoint: `${api}/auth`, transport: 'ajax' } };
}
