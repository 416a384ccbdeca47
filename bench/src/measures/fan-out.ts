import type { Bench } from '../bench.ts';
import { openPage, send } from '../client/page.ts';
import { followChat, Subscribers } from '../client/subscribers.ts';
import { quantile } from '../statistics.ts';

const subscribers = 1000;
const script = { kind: 'text', deltas: 30, intervalMs: 100, thinkMs: 100 } as const;

/**
 * The time from a token's leaving the model to each of 1,000 subscribers. Beside it a loop that only sends, which has the same bytes to
 * send to as many sockets at the same pace.
 */
export async function fanOut(bench: Bench): Promise<void> {
  const chatId = 'fan-out';
  const server = await bench.server('immediate');
  const bare = await bench.server('bare-websocket');
  const ours = await followChat(server.port, chatId, subscribers);
  const theirs = await Subscribers.open(`ws://127.0.0.1:${bare.port}`, subscribers);
  const page = openPage('stock-sse', server.port);

  for (let round = 0; round <= bench.rounds; round += 1) {
    ours.begin();
    await send(page, chatId, round === 0 ? { ...script, deltas: 5 } : script);
    await ours.seenBy((payload) => payload.includes('"end":{'));
    const { deltasAt } = await server.ask('emission', chatId);
    const payloads = [...ours.payloads];
    theirs.begin();
    const sentAt = await bare.ask('broadcast', payloads, script.intervalMs);
    await theirs.seenBy((_, index) => index === payloads.length - 1);
    if (round === 0) continue;

    const tokens = payloads.flatMap((payload, index) => (isToken(payload) ? [index] : []));
    const latencies = (arrivals: readonly (readonly number[])[], fromAt: (index: number, token: number) => number) =>
      tokens.flatMap((index, token) => (arrivals[index] ?? []).map((at) => at - fromAt(index, token)));
    const values = {
      immediate: latencies(ours.arrivals, (_, token) => deltasAt[token] ?? Number.NaN),
      'bare-websocket': latencies(theirs.arrivals, (index) => sentAt[index] ?? Number.NaN),
    };
    if (tokens.length !== script.deltas)
      throw new Error(`Fan-out got ${tokens.length} frames for ${script.deltas} tokens.`);
    for (const name of ['immediate', 'bare-websocket'] as const) {
      for (const q of [50, 99]) {
        const metric = { measure: 'fan-out', metric: `p${q}`, unit: 'ms', reference: 'bare-websocket' } as const;
        bench.results.record(metric, name, quantile(values[name], q / 100));
      }
    }
  }
  ours.close();
  theirs.close();
  await server.ask('release');
}

/** Frames that say a token, whole or short. */
function isToken(payload: string): boolean {
  return payload.includes('"text-delta"') || payload.includes(' +"');
}
