import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { RunLog } from '@chat-transport/core/provider';
import { createChatHandler } from '@chat-transport/core/server';
import { sqliteLog } from '@chat-transport/sqlite';
import { createAdaptorServer } from '@hono/node-server';
import { websocketServer } from '../../src/server.ts';

// A server process of its own: `chat-process.ts <path of the log>`. It sends its port; for each message it sends how often it has read the log.

const [, , path = ''] = process.argv;
const log = sqliteLog({ path });
let reads = 0;
const counted =
  <A extends unknown[], R>(method: (...args: A) => R) =>
  (...args: A): R => {
    reads += 1;
    return method(...args);
  };
const countedLog: RunLog = { ...log, read: counted(log.read), state: counted(log.state) };
const realtime = websocketServer({ secret: 'a secret of at least thirty-two bytes' });
const handler = createChatHandler({
  realtime,
  log: countedLog,
  authorize: () => true,
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
const http = createAdaptorServer({ fetch: handler }) as Server;
realtime.attach(http);
http.listen(0, '127.0.0.1', () => process.send?.({ port: (http.address() as AddressInfo).port }));
process.on('message', () => process.send?.({ reads }));
process.on('disconnect', () => process.exit());
