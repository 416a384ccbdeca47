import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ScriptedModel } from '@chat-transport/contract';
import { memoryLog } from '@chat-transport/core/memory';
import type { RunLog } from '@chat-transport/core/provider';
import { type ChatHandler, type ChatHandlerOptions, createChatHandler } from '@chat-transport/core/server';
import { createAdaptorServer } from '@hono/node-server';
import { onTestFinished } from 'vitest';
import { type FanoutServerOptions, fanout } from '../../src/server.ts';
import { type PushpinService, secret } from './pushpin-service.ts';

/** One process of an app behind Pushpin, and what it was asked. */
export interface ServedApp {
  readonly port: number;
  /** Its address without the proxy. */
  readonly direct: string;
  readonly handler: ChatHandler;
  readonly model: ScriptedModel;
  readonly server: Server;
  /** `METHOD path` of every request, oldest first. */
  readonly requests: string[];
  /** Every message that the proxy has taken, oldest first. */
  readonly published: string[];
  /** Sockets that are open now. */
  openSockets(): Promise<number>;
}

/** Starts an app, behind Pushpin until another one is. */
export async function serveApp(
  service: PushpinService,
  options: {
    readonly log?: RunLog;
    readonly authorize?: ChatHandlerOptions['authorize'];
    readonly fanout?: Partial<FanoutServerOptions>;
    /** What happens to each message on its way to the proxy. @default it is published */
    readonly onTheWay?: (publish: () => Promise<void>) => Promise<void>;
  } = {},
): Promise<ServedApp> {
  const model = new ScriptedModel();
  const requests: string[] = [];
  const published: string[] = [];
  const { onTheWay = (publish) => publish() } = options;
  const realtime = fanout({ grip: service.gripUrl, secret, flushIntervalMs: 0, ...options.fanout });
  const handler = createChatHandler({
    log: options.log ?? memoryLog(),
    realtime: {
      ...realtime,
      async publish(channel, data, ...rest) {
        await onTheWay(() => realtime.publish(channel, data, ...rest));
        published.push(data);
      },
    },
    authorize: options.authorize ?? (() => true),
    respond: model.respond,
  });
  const server = createAdaptorServer({
    fetch: (request: Request) => {
      const { pathname, search } = new URL(request.url);
      requests.push(`${request.method} ${pathname}${search}`);
      return handler(request);
    },
  }) as Server;
  // Pushpin keeps its connections for as long as the server does.
  server.keepAliveTimeout = 100;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  service.attach(server);
  onTestFinished(async () => {
    for (const call of model.calls) call.close();
    await handler.runtime.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const { port } = server.address() as AddressInfo;
  return {
    ...{ port, handler, model, server, requests, published },
    direct: `http://127.0.0.1:${port}/api/chat`,
    openSockets: () => new Promise((resolve) => server.getConnections((_error, count) => resolve(count))),
  };
}
