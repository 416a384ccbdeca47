import type { Bench } from '../bench.ts';
import { openPage, send } from '../client/page.ts';

const chats = 20;
const script = { kind: 'text', deltas: 150, intervalMs: 10, thinkMs: 20 } as const;

/** The server's time per chunk with 20 answers at 100 tokens/s each, the model included. */
export async function cpu(bench: Bench): Promise<void> {
  await bench.interleave(
    ['stock-sse', 'stock-websocket', 'immediate', 'immediate-sqlite', 'coalesced'],
    async (server, round) => {
      const page = openPage(server.name, server.port);
      const chatIds = Array.from({ length: chats }, (_, index) => `cpu-${round}-${index}`);
      await page.open(chatIds);
      const before = await server.ask('cpu');
      await Promise.all(chatIds.map((chatId) => send(page, chatId, script)));
      const usedMs = (await server.ask('cpu')) - before;
      page.close();
      await server.ask('release');
      const metric = { measure: 'cpu', metric: 'server, per chunk', unit: 'µs' } as const;
      if (round > 0) bench.results.record(metric, server.name, (usedMs * 1000) / (chats * script.deltas));
    },
    { rounds: Math.min(bench.rounds, 3) },
  );
}
