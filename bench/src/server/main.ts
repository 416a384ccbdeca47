// One contestant's server, in a process of its own: started by client/server-process.ts with the contestant's name.
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ScriptedModel } from '../model.ts';
import { ablyAiTransport, overAbly } from './ably.ts';
import { bareHttp } from './bare-http.ts';
import { bareWebSocket } from './bare-websocket.ts';
import { chatTransport } from './chat-transport.ts';
import type { CommandAnswer, CommandRequest, Commands } from './commands.ts';
import type { ContestantName, MakeContestant } from './contestant.ts';
import { LoopWatch } from './loop-watch.ts';
import { overSse } from './over-sse.ts';
import { resumableStream } from './resumable-stream.ts';
import { stockSse } from './stock-sse.ts';
import { stockWebSocket } from './stock-websocket.ts';

const contestants: Record<ContestantName, MakeContestant> = {
  'stock-sse': stockSse,
  'stock-websocket': stockWebSocket,
  immediate: chatTransport({ log: 'memory', coalesced: false }),
  'immediate-sqlite': chatTransport({ log: 'sqlite', coalesced: false }),
  coalesced: chatTransport({ log: 'memory', coalesced: true }),
  'bare-websocket': bareWebSocket,
  'bare-http': bareHttp,
  'sse-memory': overSse('memory'),
  'sse-sqlite': overSse('sqlite'),
  'sse-redis': overSse('redis'),
  'resumable-stream': resumableStream,
  'shared-sqlite': chatTransport({ log: 'sqlite', coalesced: false }),
  'shared-redis': chatTransport({ log: 'redis', coalesced: false }),
  ably: overAbly,
  'ably-ai-transport': ablyAiTransport,
};

const loop = new LoopWatch();
const model = new ScriptedModel();
const contestant = contestants[process.argv[2] as ContestantName](model);

const commands: Commands = {
  cpu() {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1000;
  },
  async memory() {
    // Twice, with a turn of the loop between: what finalizers and closed handles let go is then gone as well.
    for (let round = 0; round < 3; round += 1) {
      globalThis.gc?.();
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  },
  emission: (chatId) => model.emission(chatId),
  askedAt: () => model.askedAt,
  runOf: (chatId) => model.runOf(chatId),
  appends: () => contestant.appends?.() ?? [],
  published: () => contestant.published?.() ?? { bytes: 0, times: [] },
  broadcast: (payloads, intervalMs) => contestant.broadcast?.(payloads, intervalMs) ?? Promise.resolve([]),
  release() {
    model.release();
    model.forget();
  },
  watchLoop: () => loop.watch(),
  stall: () => loop.longest(),
};

function tell(answer: CommandAnswer): void {
  process.send?.(answer);
}

process.on('message', async ({ id, method, arguments: given }: CommandRequest) => {
  try {
    tell({ id, value: await (commands[method] as (...all: unknown[]) => unknown)(...given) });
  } catch (error) {
    tell({ id, error: String(error) });
  }
});
process.on('disconnect', () => process.exit());

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () => resolve()));
  return (server.address() as AddressInfo).port;
}

tell({ ports: await Promise.all(contestant.servers.map(listen)) });
