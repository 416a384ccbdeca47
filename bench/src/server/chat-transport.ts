import type { Server } from 'node:http';
import type { RealtimeServer, RunLog } from '@chat-transport/core/provider';
import { createChatHandler } from '@chat-transport/core/server';
import { websocketServer } from '@chat-transport/websocket/server';
import { createAdaptorServer } from '@hono/node-server';
import { nowMs } from '../clock.ts';
import { scriptOf } from '../script.ts';
import type { MakeContestant } from './contestant.ts';
import { openLog } from './logs.ts';

/** How often the metered services of this kit are published to at most, per chat, in milliseconds. */
const meteredIntervalMs = 100;

/** This project's server on its own sockets. `coalesced`: flushed as for a metered service. */
export function chatTransport(kind: {
  readonly log: Parameters<typeof openLog>[0];
  readonly coalesced: boolean;
}): MakeContestant {
  return (model) => {
    const sockets = websocketServer({ maxConnectionsPerAddress: 5000, secret: 'bench'.repeat(8) });
    const limits = { ...sockets.limits, flushIntervalMs: kind.coalesced ? meteredIntervalMs : 0 };
    let published = { bytes: 0, times: [] as number[] };
    const realtime: RealtimeServer = {
      name: sockets.name,
      limits,
      channelName: (chatId) => sockets.channelName(chatId),
      publish(channel, data, signal, id) {
        published.bytes += Buffer.byteLength(channel) + Buffer.byteLength(data);
        published.times.push(nowMs());
        return sockets.publish(channel, data, signal, id);
      },
      authorize: (request, allow) => sockets.authorize(request, allow),
      connect: (host) => sockets.connect(host),
    };
    const appends: number[] = [];
    const handler = createChatHandler({
      realtime,
      log: timed(openLog(kind.log), appends),
      authorize: () => true,
      respond: ({ chatId, messages }) => model.answer(chatId, scriptOf(messages)),
    });
    const servers = [0, 1].map(() => createAdaptorServer({ fetch: handler }) as Server);
    for (const server of servers) sockets.attach(server);
    return {
      servers,
      appends: () => appends.splice(0),
      published() {
        const soFar = published;
        published = { bytes: 0, times: [] };
        return soFar;
      },
    };
  };
}

/** The log, with a stopwatch around its appends. */
function timed(log: RunLog, appends: number[]): RunLog {
  const { append } = log;
  return Object.assign(log, {
    append: async (...call: Parameters<RunLog['append']>): ReturnType<RunLog['append']> => {
      const startedAt = nowMs();
      const news = await append.apply(log, call);
      appends.push(nowMs() - startedAt);
      return news;
    },
  });
}
