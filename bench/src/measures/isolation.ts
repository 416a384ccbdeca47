import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Bench } from '../bench.ts';
import { openPage, send } from '../client/page.ts';
import { ServerProcess } from '../client/server-process.ts';
import { nowMs } from '../clock.ts';
import type { ContestantName } from '../server/contestant.ts';

const names = ['immediate', 'immediate-sqlite'] as const;
const long = { kind: 'text', deltas: 30_000, intervalMs: 0, thinkMs: 0 } as const;
const healthy = { kind: 'text', deltas: 300, intervalMs: 10, thinkMs: 20 } as const;
const healthyRuns = 3;
const probeEveryMs = 20;

/** What many readers do at once, and how many they are. Each reads until the text has come. */
interface Herd {
  readonly says: string;
  readonly path: string;
  readonly readers: number;
  readonly until: string;
}

const herds: readonly Herd[] = [
  { says: 'readers of an ended run', path: '/ended/stream?recent=3600000', readers: 1000, until: '[DONE]' },
  { says: 'readers who join a live run', path: '/live/stream', readers: 1000, until: 'id: ' },
  { says: 'reads of a long chat’s state', path: '/ended', readers: 300, until: '"messages":' },
];

/**
 * What many readers of one long run (30,000 chunks) cost everybody else: the longest stall of the server's event loop, the slowest answer about
 * another chat's state, and runs of other chats that did not come to their end.
 */
export async function isolation(bench: Bench): Promise<void> {
  for (let round = 1; round <= Math.min(bench.rounds, 2); round += 1) {
    for (const name of names) await measure(bench, name);
  }
}

async function measure(bench: Bench, name: ContestantName): Promise<void> {
  const server = await ServerProcess.start(name);
  const page = openPage('stock-sse', server.port);
  await send(page, 'ended', long);
  await send(page, 'other', { ...healthy, deltas: 1 });
  const live = send(page, 'live', { ...long, hold: true });
  while ((await server.ask('emission', 'live')).deltasAt.length < long.deltas) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  for (const herd of herds) {
    const record = (metric: string, unit: 'ms' | 'runs', value: number): void =>
      bench.results.record(
        { measure: 'isolation', metric: `${herd.readers} ${herd.says}: ${metric}`, unit },
        name,
        value,
      );
    const runs = Array.from({ length: healthyRuns }, (_, index) =>
      send(page, `healthy ${herd.path} ${index}`.replace(/\W/g, '-'), healthy),
    );
    const settled = Promise.allSettled(runs);
    let isOver = false;
    await server.ask('watchLoop');
    const probing = slowestState(server, () => isOver);
    const tookMs = await gather(`${server.origin}/api/chat${herd.path}`, herd);
    isOver = true;
    record('slowest state of another chat', 'ms', await probing);
    const { longestMs, computedMs } = await server.ask('stall');
    record('longest stall', 'ms', longestMs);
    record('longest stall, computing', 'ms', computedMs);
    record('all served', 'ms', tookMs);
    record('runs cut', 'runs', (await settled).filter(({ status }) => status === 'rejected').length);
  }
  await server.ask('release');
  await live;
  page.close();
  await server.stop();
}

/** Asks for another chat's state again and again; the slowest answer, in milliseconds. */
async function slowestState(server: ServerProcess, isOver: () => boolean): Promise<number> {
  let slowest = 0;
  while (!isOver()) {
    const askedAt = nowMs();
    const response = await fetch(`${server.origin}/api/chat/other`);
    await response.text();
    slowest = Math.max(slowest, nowMs() - askedAt);
    await new Promise((resolve) => setTimeout(resolve, probeEveryMs));
  }
  return slowest;
}

async function gather(url: string, herd: Herd): Promise<number> {
  const script = fileURLToPath(new URL('../client/herd.ts', import.meta.url));
  const child = fork(script, [url, String(herd.readers), herd.until], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  return new Promise((resolve, reject) => {
    child.once('message', (tookMs) => resolve(Number(tookMs)));
    child.once('exit', (code) => reject(new Error(`The readers of ${herd.path} ended with code ${code}.`)));
  });
}
