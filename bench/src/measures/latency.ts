import type { Bench } from '../bench.ts';
import { openPage, send } from '../client/page.ts';
import { quantile } from '../statistics.ts';

const script = { kind: 'text', deltas: 200, intervalMs: 10, thinkMs: 20 } as const;

/** The time from a token's leaving the model to its being read by the page, at 100 tokens/s; and how much of it was the log's append. */
export async function latency(bench: Bench): Promise<void> {
  const record = (metric: string, name: Parameters<Bench['results']['record']>[1], value: number): void =>
    bench.results.record({ measure: 'latency', metric, unit: 'ms' }, name, value);

  await bench.interleave(
    ['stock-sse', 'stock-websocket', 'immediate', 'immediate-sqlite', 'coalesced'],
    async (server, round) => {
      const page = openPage(server.name, server.port);
      const chatId = `latency-${round}`;
      await page.open([chatId]);
      await send(page, `${chatId}-warm`, { ...script, deltas: 5 });
      await server.ask('appends');
      const { tokensAt } = await send(page, chatId, round === 0 ? { ...script, deltas: 100 } : script);
      const appends = await server.ask('appends');
      const { deltasAt } = await server.ask('emission', chatId);
      page.close();
      await server.ask('release');
      if (round === 0) return;
      const values = tokensAt.map((at, index) => at - (deltasAt[index] ?? Number.NaN));
      record('p50', server.name, quantile(values, 0.5));
      record('p99', server.name, quantile(values, 0.99));
      if (appends.length === 0) return;
      record('log append p50', server.name, quantile(appends, 0.5));
      record('log append p99', server.name, quantile(appends, 0.99));
    },
  );
}
