import type { Bench } from '../bench.ts';
import { openPage } from '../client/page.ts';
import { ServerProcess } from '../client/server-process.ts';
import { followChat, Subscribers } from '../client/subscribers.ts';
import { ask } from '../script.ts';
import type { ContestantName } from '../server/contestant.ts';

const idleNames = ['bare-websocket', 'immediate'] as const;
const openNames = ['stock-sse', 'stock-websocket', 'immediate', 'immediate-sqlite'] as const;
const subscribers = 1000;
const runs = 200;
const chatsPerPage = 50;
const script = { kind: 'text', deltas: 100, intervalMs: 0, thinkMs: 0, hold: true } as const;

/** The server's heap per idle subscriber, and per run that is open and has said 100 tokens. A fresh process for each number. */
export async function memory(bench: Bench): Promise<void> {
  const rounds = Math.min(bench.rounds, 3);
  const idle = { measure: 'memory', metric: 'per idle subscriber', unit: 'KiB', reference: 'bare-websocket' } as const;
  const open = { measure: 'memory', metric: 'per open run', unit: 'KiB' } as const;
  for (let round = 1; round <= rounds; round += 1) {
    // Memory does not depend on the load, and processes take their time to start: all at once.
    const [idleKiB, openKiB] = await Promise.all([
      Promise.all(idleNames.map(perIdleSubscriber)),
      Promise.all(openNames.map(perOpenRun)),
    ]);
    for (const [index, name] of idleNames.entries()) bench.results.record(idle, name, idleKiB[index] ?? Number.NaN);
    for (const [index, name] of openNames.entries()) bench.results.record(open, name, openKiB[index] ?? Number.NaN);
  }
}

async function perIdleSubscriber(name: 'bare-websocket' | 'immediate'): Promise<number> {
  const server = await ServerProcess.start(name);
  const follow = (count: number): Promise<Subscribers> =>
    name === 'immediate'
      ? followChat(server.port, 'idle', count)
      : Subscribers.open(`ws://127.0.0.1:${server.port}`, count);
  const first = await follow(10);
  const before = await server.ask('memory');
  const all = await follow(subscribers);
  const after = await server.ask('memory');
  all.close();
  first.close();
  await server.stop();
  return (after - before) / subscribers / 1024;
}

async function perOpenRun(name: ContestantName): Promise<number> {
  const server = await ServerProcess.start(name);
  const closes = [await openRuns(server, 'first', 10)];
  const before = await server.ask('memory');
  for (let count = 0; count < runs; count += chatsPerPage) {
    closes.push(await openRuns(server, `page-${count}`, chatsPerPage));
  }
  const after = await server.ask('memory');
  await server.ask('release');
  for (const close of closes) await close();
  await server.stop();
  return (after - before) / runs / 1024;
}

/** Opens a page with answers that have said all and do not end. */
async function openRuns(server: ServerProcess, page: string, count: number): Promise<() => Promise<void>> {
  const { transport, close } = openPage(server.name, server.port);
  const chatIds = Array.from({ length: count }, (_, index) => `${page}-${index}`);
  const streams = await Promise.all(
    chatIds.map((chatId) =>
      transport.sendMessages({
        trigger: 'submit-message',
        chatId,
        messageId: undefined,
        messages: [ask('question', script)],
        abortSignal: undefined,
      }),
    ),
  );
  const reading = streams.map((stream) => stream.pipeTo(new WritableStream()));
  for (const chatId of chatIds) {
    while ((await server.ask('emission', chatId)).deltasAt.length < script.deltas) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
  return async () => {
    await Promise.all(reading);
    close();
  };
}
