import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { startRedis } from '@chat-transport/local-services';
import type { Bench } from '../bench.ts';
import type { LoadAnswer, LoadRequest } from '../client/load.ts';
import { ServerProcess } from '../client/server-process.ts';
import { nowMs } from '../clock.ts';
import type { ContestantName } from '../server/contestant.ts';

const names = ['stock-sse', 'sse-memory', 'sse-sqlite', 'sse-redis', 'resumable-stream'] as const;
/** 100 tokens/s, until the server is stopped. */
const script = { kind: 'text', deltas: 1_000_000, intervalMs: 10, thinkMs: 0 } as const;
const step = 50;
const most = 1000;
/** At how many runs the server's time per token is measured. */
const cpuRuns = 150;
const settleMs = 1000;
const windowMs = 2000;
/** The bound of p99: a run whose tokens come later is not served. */
const maxLateMs = 250;
/** How often a number of runs may miss the bound before it is one too many: other processes of the machine take their time too. */
const tries = 2;

/**
 * How many runs of 100 tokens/s one server process serves, with a reader each, before 1 % of the tokens come more than 250 ms after they
 * were due; and its processor time per token. Redis and the readers are processes of their own.
 */
export async function capacity(bench: Bench): Promise<void> {
  const redis = await startRedis({ parameters: ['--appendfsync', 'everysec'] });
  process.env.BENCH_REDIS_URL = redis.url;
  try {
    const rounds = Math.min(bench.rounds, 2);
    for (let round = 0; round < rounds; round += 1) {
      for (let turn = 0; turn < names.length; turn += 1) {
        await measure(bench, names[(turn + round) % names.length] as (typeof names)[number]);
      }
    }
  } finally {
    await redis.close();
  }
}

async function measure(bench: Bench, name: ContestantName): Promise<void> {
  const server = await ServerProcess.start(name);
  const load = startLoad(`${server.origin}/api/chat`);
  let served = 0;
  for (let runs = step; runs <= most; runs += step) {
    await load.ask({ type: 'open', runs: step, script });
    const isServed = await serves(server, load);
    if (runs === cpuRuns) {
      const metric = { measure: 'capacity', metric: `server, per token at ${runs} runs`, unit: 'µs' } as const;
      bench.results.record(metric, name, await perToken(server, load));
    }
    if (isServed) served = runs;
    else if (runs >= cpuRuns) break;
  }
  bench.results.record({ measure: 'capacity', metric: 'runs of 100 tokens/s', unit: 'runs' }, name, served);
  load.stop();
  await server.stop();
}

async function serves(server: ServerProcess, load: Load): Promise<boolean> {
  for (let attempt = 0; attempt < tries; attempt += 1) {
    await pass(settleMs);
    const from = nowMs();
    await pass(windowMs);
    const to = nowMs();
    await pass(maxLateMs);
    const answer = await load.ask({ type: 'lateness', from, to, askedAt: await server.ask('askedAt') });
    if (answer.type === 'lateness' && answer.p99 < maxLateMs) return true;
  }
  return false;
}

/** The server's processor time for a token that came, in microseconds. */
async function perToken(server: ServerProcess, load: Load): Promise<number> {
  const tokens = async (): Promise<number> => {
    const answer = await load.ask({ type: 'tokens' });
    return answer.type === 'tokens' ? answer.count : Number.NaN;
  };
  const [tokensBefore, msBefore] = [await tokens(), await server.ask('cpu')];
  await pass(windowMs);
  return (((await server.ask('cpu')) - msBefore) * 1000) / ((await tokens()) - tokensBefore);
}

interface Load {
  ask(request: LoadRequest): Promise<LoadAnswer>;
  stop(): void;
}

function startLoad(url: string): Load {
  const path = fileURLToPath(new URL('../client/load.ts', import.meta.url));
  const child: ChildProcess = fork(path, [url], {
    serialization: 'advanced',
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  return {
    ask: (request) =>
      new Promise((resolve, reject) => {
        child.once('message', (answer: LoadAnswer) => {
          if (answer.type === 'failed') reject(new Error(answer.error));
          else resolve(answer);
        });
        child.send(request);
      }),
    stop: () => child.disconnect(),
  };
}

function pass(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
