import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startRedis } from '@chat-transport/local-services';
import type { Bench } from '../bench.ts';
import { openPage, send } from '../client/page.ts';
import { ServerProcess } from '../client/server-process.ts';
import { followChat, type Subscribers } from '../client/subscribers.ts';
import { tokenLength } from '../script.ts';
import { quantile } from '../statistics.ts';

const names = ['shared-sqlite', 'shared-redis'] as const;
const chats = 10;
const script = { kind: 'text', deltas: 100, intervalMs: 20, thinkMs: 20 } as const;

interface Latencies {
  readonly start: number[];
  readonly chunk: number[];
  readonly end: number[];
}

/**
 * Two server processes on one log, without another component between them: the time until what one of them writes is at the idle devices
 * whose sockets the other one has. A start counts from the call of the model, a chunk from the model, the end from the last chunk.
 */
export async function bus(bench: Bench): Promise<void> {
  const redis = await startRedis();
  const folder = await mkdtemp(join(tmpdir(), 'chat-transport-bus-'));
  process.env.BENCH_REDIS_URL = redis.url;
  process.env.BENCH_SQLITE_PATH = join(folder, 'chats.db');
  try {
    for (const name of names) await measure(bench, name);
  } finally {
    delete process.env.BENCH_SQLITE_PATH;
    await redis.close();
    await rm(folder, { recursive: true });
  }
}

async function measure(bench: Bench, name: (typeof names)[number]): Promise<void> {
  const writer = await ServerProcess.start(name);
  const other = await ServerProcess.start(name);
  const page = openPage('stock-sse', writer.port);
  for (let round = 0; round <= bench.rounds; round += 1) {
    const latencies: Latencies = { start: [], chunk: [], end: [] };
    await Promise.all(
      Array.from({ length: chats }, async (_, index) => {
        const chatId = `bus-${round}-${index}`;
        const device = await followChat(other.port, chatId, 1);
        await send(page, chatId, script);
        await device.seenBy((payload) => payload.includes('"end":{'));
        note(latencies, device, await writer.ask('emission', chatId));
        device.close();
      }),
    );
    await writer.ask('release');
    if (round === 0) continue;
    for (const [what, values] of Object.entries(latencies)) {
      bench.results.record(
        { measure: 'bus', metric: `${what} p99`, unit: 'ms', reference: 'shared-redis' },
        name,
        quantile(values, 0.99),
      );
    }
  }
  page.close();
  await other.stop();
  await writer.stop();
}

function note(
  { start, chunk, end }: Latencies,
  { payloads, arrivals }: Subscribers,
  { askedAt, deltasAt }: { readonly askedAt: number; readonly deltasAt: readonly number[] },
): void {
  let tokens = 0;
  for (const [index, payload] of payloads.entries()) {
    const at = arrivals[index]?.[0] ?? Number.NaN;
    if (payload.includes('"start":{')) start.push(at - askedAt);
    for (let count = tokensIn(payload); count > 0; count -= 1) {
      chunk.push(at - (deltasAt[tokens] ?? Number.NaN));
      tokens += 1;
    }
    if (payload.includes('"end":{')) end.push(at - (deltasAt.at(-1) ?? Number.NaN));
  }
  if (tokens !== deltasAt.length || start.length === 0) {
    throw new Error(`A device of the other process got ${tokens} of ${deltasAt.length} tokens.`);
  }
}

/** How many tokens a frame says, whether it is whole, packed or short. */
function tokensIn(payload: string): number {
  const texts = payload.matchAll(/"(?:\d+ )+"/g);
  return [...texts].reduce((sum, [text]) => sum + (text.length - 2) / tokenLength, 0);
}
