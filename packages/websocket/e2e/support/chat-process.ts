import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { RunLog } from '@chat-transport/core/provider';
import { createChatHandler } from '@chat-transport/core/server';
import { redisLog } from '@chat-transport/redis';
import { sqliteLog } from '@chat-transport/sqlite';
import { createAdaptorServer } from '@hono/node-server';
import { createClient } from 'redis';
import { websocketServer } from '../../src/server.ts';

/** What a test may ask of the process; it answers each with a `Told`. */
export type Asked = { readonly refuse: string } | { readonly revoke: string } | 'counts';

/** What the process tells: its port once, then its counts after each thing that it was asked. */
export interface Told {
  readonly port?: number;
  /** How often it has read the log. */
  readonly reads: number;
  /** How often it has written frames. */
  readonly appends: number;
}

// A server process of its own: `chat-process.ts <path of an SQLite file, or address of a Redis>`.

const [, , address = ''] = process.argv;
const log = address.startsWith('redis:')
  ? redisLog({ client: await createClient({ url: address }).connect() })
  : sqliteLog({ path: address });
const counts = { reads: 0, appends: 0 };
const counted =
  <A extends unknown[], R>(name: keyof typeof counts, method: (...args: A) => R) =>
  (...args: A): R => {
    counts[name] += 1;
    return method(...args);
  };
const countedLog: RunLog = {
  ...log,
  read: counted('reads', log.read),
  state: counted('reads', log.state),
  append: counted('appends', log.append),
};
const refused = new Set<string>();
const realtime = websocketServer({ secret: 'a secret of at least thirty-two bytes' });
const handler = createChatHandler({
  realtime,
  log: countedLog,
  authorize({ request }) {
    const userId = request.headers.get('x-user') ?? 'ann';
    return !refused.has(userId) && { userId };
  },
  async *respond() {
    yield { type: 'text-start', id: 't' };
    for (let index = 0; index < 60; index += 1) {
      await new Promise((resolve) => setTimeout(resolve, 15));
      // When it was said: the machine's clock is the same in every process.
      yield { type: 'text-delta', id: 't', delta: `<${Date.now()}>` };
    }
    yield { type: 'text-end', id: 't' };
  },
});
const tell = (told: Told): void => void process.send?.(told);
const http = createAdaptorServer({ fetch: handler }) as Server;
realtime.attach(http);
http.listen(0, '127.0.0.1', () => tell({ port: (http.address() as AddressInfo).port, ...counts }));
process.on('message', async (asked: Asked) => {
  if (typeof asked === 'object' && 'refuse' in asked) refused.add(asked.refuse);
  if (typeof asked === 'object' && 'revoke' in asked) {
    await handler.runtime.revoke({ chatId: 'c', userId: asked.revoke });
  }
  tell(counts);
});
process.on('disconnect', () => process.exit());
