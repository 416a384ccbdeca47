// One process of an app behind the proxy, driven by the test that started it (see start-function.ts) over Node's own channel between processes.
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ScriptedModel } from '@chat-transport/contract';
import { memoryLog } from '@chat-transport/core/memory';
import type { RunLog } from '@chat-transport/core/provider';
import { type ChatHandlerOptions, createChatHandler } from '@chat-transport/core/server';
import { redisLog } from '@chat-transport/redis';
import { sqliteLog } from '@chat-transport/sqlite';
import { createAdaptorServer } from '@hono/node-server';
import { createClient } from 'redis';
import { fanout } from '../../src/server.ts';

/** What a process is started with. */
export interface FunctionSettings {
  readonly gripUrl: string;
  readonly secret: string;
  readonly log: LogSettings;
  /** Options of its chat handler. */
  readonly options?: Pick<ChatHandlerOptions, 'onInterrupted' | 'leaseMs' | 'renewEveryMs'> | undefined;
}

/** Where runs are kept. */
export type LogSettings =
  | { readonly kind: 'memory' }
  | { readonly kind: 'sqlite'; readonly path: string }
  | { readonly kind: 'redis'; readonly url: string; readonly keyPrefix: string };

/** What the test asks for. */
export type Order =
  | { readonly order: 'start'; readonly chatId: string }
  | { readonly order: 'say'; readonly text: string }
  | { readonly order: 'finish' };

/** What the process reports. */
export type Report =
  | { readonly report: 'listening'; readonly port: number }
  | { readonly report: 'request'; readonly request: string }
  | { readonly report: 'model-called' }
  | { readonly report: 'model-stopped' }
  | { readonly report: 'steered'; readonly message: unknown };

const settings = JSON.parse(process.argv[2] ?? '') as FunctionSettings;
const tell = (report: Report): void => void process.send?.(report);
const model = new ScriptedModel();
const handler = createChatHandler({
  log: await openLog(settings.log),
  realtime: fanout({ grip: settings.gripUrl, secret: settings.secret, flushIntervalMs: 0 }),
  authorize: () => true,
  ...settings.options,
  tools: {},
  respond(input) {
    const { steering, signal } = input;
    const steer = steering.steer.bind(steering);
    steering.steer = (message) => {
      tell({ report: 'steered', message });
      return steer(message);
    };
    signal.addEventListener('abort', () => tell({ report: 'model-stopped' }));
    tell({ report: 'model-called' });
    return model.respond(input);
  },
});
const server = createAdaptorServer({
  fetch: (request: Request) => {
    const { pathname, search } = new URL(request.url);
    tell({ report: 'request', request: `${request.method} ${pathname}${search}` });
    return handler(request);
  },
}) as Server;
// Pushpin keeps its connections for as long as the server does.
server.keepAliveTimeout = 100;
server.listen(0, '127.0.0.1', () => tell({ report: 'listening', port: (server.address() as AddressInfo).port }));

process.on('message', async (order: Order) => {
  if (order.order === 'start') {
    const message = { id: 'm', role: 'user' as const, parts: [{ type: 'text' as const, text: 'hi' }] };
    await handler.runtime.start({ chatId: order.chatId, messages: [message] });
    return;
  }
  const call = await model.call();
  if (order.order === 'say') call.say(order.text);
  else call.finish();
});

async function openLog(log: LogSettings): Promise<RunLog> {
  if (log.kind === 'memory') return memoryLog();
  if (log.kind === 'sqlite') return sqliteLog({ path: log.path });
  const client = createClient({ url: log.url });
  await client.on('error', () => {}).connect();
  return redisLog({ client, keyPrefix: log.keyPrefix });
}
