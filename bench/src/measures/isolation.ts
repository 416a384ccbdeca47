import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Bench } from '../bench.ts';
import { openPage, send } from '../client/page.ts';
import { ServerProcess } from '../client/server-process.ts';
import { nowMs } from '../clock.ts';
import type { ContestantName } from '../server/contestant.ts';
import type { Stall } from '../server/loop-watch.ts';

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

const ofEnded: Herd = {
  ...{ says: 'readers of an ended run', path: '/ended/stream?recent=3600000' },
  ...{ readers: 1000, until: '[DONE]' },
};
const herds: readonly Herd[] = [
  ofEnded,
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
    await measureBare(bench);
  }
}

/** The same readers at a route that does nothing else. */
async function measureBare(bench: Bench): Promise<void> {
  const server = await ServerProcess.start('bare-http');
  await gather(server, ofEnded);
  await server.ask('watchLoop');
  const tookMs = await gather(server, ofEnded);
  recordHerd(bench, server, ofEnded, { tookMs, stall: await server.ask('stall') });
  await server.stop();
}

function recordHerd(
  bench: Bench,
  { name }: ServerProcess,
  { readers, says }: Herd,
  { tookMs, stall }: { readonly tookMs: number; readonly stall: Stall },
): void {
  const record = (what: string, value: number): void =>
    bench.results.record({ measure: 'isolation', metric: `${readers} ${says}: ${what}`, unit: 'ms' }, name, value);
  record('longest stall', stall.longestMs);
  record('longest stall, computing', stall.computedMs);
  record('all served', tookMs);
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
  // A process compiles its code with its first thousand readers: they are no measure of it.
  await gather(server, ofEnded);
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
    const tookMs = await gather(server, herd);
    isOver = true;
    record('slowest state of another chat', 'ms', await probing);
    recordHerd(bench, server, herd, { tookMs, stall: await server.ask('stall') });
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

async function gather(server: ServerProcess, herd: Herd): Promise<number> {
  const url = `${server.origin}/api/chat${herd.path}`;
  const script = fileURLToPath(new URL('../client/herd.ts', import.meta.url));
  const child = fork(script, [url, String(herd.readers), herd.until], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  return new Promise((resolve, reject) => {
    child.once('message', (tookMs) => resolve(Number(tookMs)));
    child.once('exit', (code) => reject(new Error(`The readers of ${herd.path} ended with code ${code}.`)));
  });
}
