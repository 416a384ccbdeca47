import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ScriptedModel, TestChat } from '@chat-transport/contract';
import { syncChat, type TransportEvent } from '@chat-transport/core';
import { memoryLog } from '@chat-transport/core/memory';
import { type ChatHandler, type ChatHandlerOptions, createChatHandler } from '@chat-transport/core/server';
import { type AblyEmulator, type AblyEmulatorOptions, startAblyEmulator } from '@chat-transport/local-services';
import { createAdaptorServer } from '@hono/node-server';
import { type ClientOptions, Realtime, Rest } from 'ably';
import { onTestFinished } from 'vitest';
import { AblyChatTransport, type AblyChatTransportOptions } from '../../src/index.ts';
import { type AblyServerOptions, ably } from '../../src/server.ts';
import { localOptions } from './ably-service.ts';
import { quick } from './harness.ts';

/** A chat server behind real HTTP, on an emulator of its own. */
export interface ChatApp {
  readonly api: string;
  readonly emulator: AblyEmulator;
  readonly model: ScriptedModel;
  readonly handler: ChatHandler;
  /** The server's own Ably client. */
  readonly client: Realtime;
  /** The lists of chats that credentials were asked for. */
  readonly credentialRequests: readonly string[][];
}

/** Starts one for a test, and ends it with the test. */
export async function serveChat(
  options: {
    readonly authorize?: ChatHandlerOptions['authorize'];
    readonly ably?: Partial<AblyServerOptions>;
    /** Whether the server publishes over REST. */
    readonly rest?: boolean;
    readonly emulator?: AblyEmulatorOptions;
    readonly handler?: Partial<ChatHandlerOptions>;
  } = {},
): Promise<ChatApp> {
  const emulator = await startAblyEmulator({
    ...options.emulator,
    limits: { maxIdleMs: 300, ...options.emulator?.limits },
  });
  const own = { ...localOptions('127.0.0.1', emulator.port), key: emulator.keys[0] ?? '' };
  const client = new Realtime({ ...own, echoMessages: false });
  const model = new ScriptedModel();
  const handler = createChatHandler({
    realtime: ably({ client: options.rest ? new Rest(own) : client, flushIntervalMs: 20, ...options.ably }),
    log: memoryLog(),
    authorize: options.authorize ?? (() => true),
    respond: model.respond,
    ...options.handler,
  });
  const credentialRequests: string[][] = [];
  const fetch = async (request: Request): Promise<Response> => {
    if (request.url.endsWith('/auth')) credentialRequests.push((await request.clone().json()).chatIds);
    return handler(request);
  };
  const server = createAdaptorServer({ fetch }) as Server;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    for (const call of model.calls) call.close();
    await handler.runtime.close();
    client.close();
    server.closeAllConnections();
    await Promise.all([emulator.close(), new Promise((resolve) => server.close(resolve))]);
  });
  const { port } = server.address() as AddressInfo;
  return { api: `http://127.0.0.1:${port}/api/chat`, emulator, model, handler, client, credentialRequests };
}

/** A page: one transport, and its Ably client. */
export interface Page {
  readonly transport: AblyChatTransport;
  readonly events: TransportEvent[];
  /** The client, once a chat was opened. */
  readonly client: Realtime;
  /** A chat that is synchronized with the other devices. */
  open(chatId: string): TestChat;
  path(chatId: string): string | null;
}

export function openPage(
  { api, emulator }: ChatApp,
  options: Partial<AblyChatTransportOptions> = {},
  own: Partial<ClientOptions> = {},
): Page {
  const events: TransportEvent[] = [];
  const ends: (() => void)[] = [];
  let client: Realtime | undefined;
  const transport = new AblyChatTransport({
    api,
    clientId: crypto.randomUUID(),
    client: (base) => {
      client = new Realtime({ ...base, ...localOptions('127.0.0.1', emulator.port), ...quick, ...own });
      return client;
    },
    onEvent: (event) => events.push(event),
    ...options,
  });
  onTestFinished(() => {
    for (const end of ends) end();
    transport.close();
  });
  return {
    transport,
    events,
    get client() {
      return client as Realtime;
    },
    open(id) {
      const chat = new TestChat({ id, transport });
      ends.push(syncChat(chat, transport));
      return chat;
    },
    path: (chatId) => transport.connection(chatId).getSnapshot().path,
  };
}
