import { Chat } from '@ai-sdk/react';
import { type RealtimeChatTransport, syncChat } from '@chat-transport/core';
import type { Bench } from '../bench.ts';
import { countMessages } from '../client/count-messages.ts';
import { openPage, send } from '../client/page.ts';
import type { ServerProcess } from '../client/server-process.ts';
import { shownLength } from '../client/shown.ts';
import { bytesFrom } from '../client/socket-bytes.ts';
import { until } from '../client/until.ts';
import { tokenLength } from '../script.ts';
import type { ContestantName } from '../server/contestant.ts';

const names: readonly ContestantName[] = ['stock-sse', 'stock-websocket', 'immediate', 'coalesced'];
const script = { kind: 'text', deltas: 400, intervalMs: 10, thinkMs: 20 } as const;
const edgeMs = 500;

/**
 * What one answer costs on the wire, headers and framing included, for the page that sent it and for a device that watches (which the
 * stock transports do not have); and what was handed to the realtime service for them, which is what a metered service counts. Bytes do not depend on the load, so all contestants speak at once.
 */
export async function bytes(bench: Bench): Promise<void> {
  const servers = await Promise.all(names.map((name) => bench.server(name)));
  for (let round = 1; round <= Math.min(bench.rounds, 3); round += 1) {
    await Promise.all(servers.map((server) => measure(bench, server, `bytes-${round}`)));
  }
}

async function measure({ results }: Bench, server: ServerProcess, chatId: string): Promise<void> {
  const sender = countMessages();
  const page = openPage(server.name, server.port, sender);
  await page.open([chatId]);
  await send(page, `${chatId}-warm`, { ...script, deltas: 1 });
  const watcher = server.watchersPort === server.port ? undefined : await watch(server, chatId);

  await server.ask('published');
  const before = { sender: bytesFrom(server.port), watcher: bytesFrom(server.watchersPort) };
  const { tokensAt } = await send(page, chatId, script);
  await watcher?.sawAll();
  const record = (who: string, ofBytes: number, times: readonly number[]): void => {
    const perToken = { measure: 'bytes', metric: `${who}, per token`, unit: 'bytes' } as const;
    results.record(perToken, server.name, ofBytes / script.deltas);
    const perSecond = { measure: 'bytes', metric: `${who}, per second`, unit: 'messages/s' } as const;
    results.record(perSecond, server.name, steadyRate(times, tokensAt));
  };
  record('sender', bytesFrom(server.port) - before.sender, sender.times);
  if (watcher) {
    record('watching device', bytesFrom(server.watchersPort) - before.watcher, watcher.times);
    const published = await server.ask('published');
    record('published', published.bytes, published.times);
  }
  watcher?.close();
  page.close();
  await server.ask('release');
}

/** Messages per second in the middle of the answer, where it only says tokens. */
function steadyRate(times: readonly number[], tokensAt: readonly number[]): number {
  const from = (tokensAt[0] ?? 0) + edgeMs;
  const to = (tokensAt.at(-1) ?? 0) - edgeMs;
  return (times.filter((at) => at >= from && at < to).length * 1000) / (to - from);
}

async function watch(
  server: ServerProcess,
  chatId: string,
): Promise<{ readonly times: readonly number[]; sawAll(): Promise<void>; close(): void }> {
  const { times, ...through } = countMessages();
  const page = openPage(server.name, server.watchersPort, through);
  await page.open([chatId]);
  const transport = page.transport as RealtimeChatTransport;
  const chat = new Chat({ id: chatId, transport });
  const leave = syncChat(chat, transport);
  return {
    times,
    sawAll: () =>
      until(`the watching device of ${server.name}`, () => shownLength(chat) === script.deltas * tokenLength),
    close() {
      leave();
      page.close();
    },
  };
}
