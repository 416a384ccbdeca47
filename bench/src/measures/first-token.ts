import type { Bench } from '../bench.ts';
import { openPage, send } from '../client/page.ts';
import type { ServerProcess } from '../client/server-process.ts';
import type { ContestantName } from '../server/contestant.ts';
import { quantile } from '../statistics.ts';

const names: readonly ContestantName[] = ['stock-sse', 'stock-websocket', 'immediate', 'immediate-sqlite', 'coalesced'];
const sends = 40;

/** The time from a send on an open page to its first token, less what the model itself took. The contestants take turns at every send. */
export async function firstToken(bench: Bench): Promise<void> {
  const metric = { measure: 'first-token', metric: 'p50', unit: 'ms' } as const;
  for (let round = 0; round <= bench.rounds; round += 1) {
    const players = await Promise.all(
      names.map(async (name) => {
        const server = await bench.server(name);
        const page = openPage(name, server.port);
        const chats = Array.from({ length: sends }, (_, index) => `first-${round}-${index}`);
        await page.open(chats);
        // The page's connections are open before anything is measured.
        await send(page, `warm-${round}`, { kind: 'text', deltas: 1, intervalMs: 1, thinkMs: 0 });
        return { name, server, page, chats, values: [] as number[] };
      }),
    );
    for (let index = 0; index < sends; index += 1) {
      for (let turn = 0; turn < players.length; turn += 1) {
        const player = players[(turn + index) % players.length];
        if (!player) continue;
        const chatId = player.chats[index] ?? '';
        player.values.push(await firstTokenOf(player.page, player.server, chatId));
      }
    }
    for (const { name, page, server, values } of players) {
      page.close();
      await server.ask('release');
      if (round > 0) bench.results.record(metric, name, quantile(values, 0.5));
    }
  }
}

async function firstTokenOf(page: ReturnType<typeof openPage>, server: ServerProcess, chatId: string): Promise<number> {
  const seen = await send(page, chatId, { kind: 'text', deltas: 1, intervalMs: 1, thinkMs: 5 });
  const { askedAt, deltasAt } = await server.ask('emission', chatId);
  return (seen.tokensAt[0] ?? Number.NaN) - seen.askedAt - ((deltasAt[0] ?? Number.NaN) - askedAt);
}
