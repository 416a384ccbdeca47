// What the log costs Debian's Postgres: appended frames (HOT updates, WAL and time), and beginnings of runs in short and long chats. `pnpm cost`,
// `pnpm -s cost --json`.
import { startPostgres, until } from '@chat-transport/local-services';
import type { UIMessage } from 'ai';
import { postgresLog, schemaSql } from '../src/index.ts';
import { openPool, pgQuery } from '../test/support/pg.ts';

const runs = 20;
const framesPerRun = 250;
const begins = 100;
const delta = 'some words of an answer, as they come in a tenth of a second ';

const server = await startPostgres();
const pool = openPool(server.url, { max: runs });
await pool.query(schemaSql());
const log = postgresLog({ query: pgQuery(pool) });
const keys = Array.from({ length: runs }, (_, index) => ({ chatId: `chat${index}`, runId: 'r' }));
for (const key of keys) {
  await log.begin({
    ...{ ...key, digest: 'd', messages: [], leaseMs: 60_000, fence: 'f' },
    start: { trigger: 'submit-message', from: '', messageId: 'm', before: null, tail: [] },
  });
}

const walBytes = async (): Promise<number> => {
  const { rows } = await pool.query(`select pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::text as bytes`);
  return Number(rows[0].bytes);
};
await pool.query('checkpoint');
const [walBefore, startedAt] = [await walBytes(), performance.now()];
await Promise.all(
  keys.map(async (key) => {
    for (let at = 0; at < framesPerRun; at += 1) {
      await log.append(key, 'f', { at, next: at + 1, chunks: [{ type: 'text-delta', id: '0', delta }] });
    }
  }),
);
const frames = runs * framesPerRun;
const seconds = (performance.now() - startedAt) / 1000;
const walPerFrame = Math.round(((await walBytes()) - walBefore) / frames);
// Statistics arrive a moment later.
const counts = await until('statistics of every update', async () => {
  const { rows } = await pool.query(
    `select n_tup_upd::int as updates, n_tup_hot_upd::int as hot from pg_stat_user_tables where schemaname = 'chat_transport' and relname = 'runs'`,
  );
  const { updates, hot }: { updates: number; hot: number } = rows[0];
  return updates >= frames ? { updates, hot } : undefined;
});

/** How long it takes to begin a run behind so many messages, in milliseconds: the median. What is sent is the conversation and one new message. */
async function beginMs(count: number): Promise<number> {
  const chatId = `of ${count}`;
  const message = (id: string): UIMessage => ({ id, role: 'user', parts: [{ type: 'text', text: delta }] });
  const begin = async (runId: string, messages: readonly UIMessage[]): Promise<void> => {
    await log.begin({
      // With a lease of 0 the run is over at once, and the next one may begin.
      ...{ chatId, runId, digest: runId, messages, leaseMs: 0, fence: runId },
      start: { trigger: 'submit-message', from: '', messageId: 'm', before: null, tail: [] },
    });
  };
  await begin(
    'first',
    Array.from({ length: count - 1 }, (_, index) => message(`m${index}`)),
  );
  const tookMs: number[] = [];
  for (let round = 0; round < begins; round += 1) {
    const { messages } = await log.state(chatId);
    const sent = [...messages.slice(0, count - 1), message(`new ${round}`)];
    const began = performance.now();
    await begin(`r${round}`, sent);
    tookMs.push(performance.now() - began);
  }
  return tookMs.sort((a, b) => a - b)[Math.floor(begins / 2)] ?? 0;
}
const [shortChat, longChat] = [11, 5_001];
const [shortMs, longMs] = [await beginMs(shortChat), await beginMs(longChat)];

await log.close();
await pool.end();
await server.close();

const result = {
  frames,
  framesPerSecond: Math.round(frames / seconds),
  walBytesPerFrame: walPerFrame,
  hotUpdates: counts.hot / counts.updates,
  begins: { [shortChat]: rounded(shortMs), [longChat]: rounded(longMs), ratio: rounded(longMs / shortMs) },
};
const text = `${frames} frames of ${runs} runs, one after the other in each run: ${result.framesPerSecond} per second, ${walPerFrame} bytes of WAL per frame, ${(100 * result.hotUpdates).toFixed(1)} % HOT updates. A run begins in ${rounded(shortMs)} ms behind ${shortChat} messages, in ${rounded(longMs)} ms behind ${longChat.toLocaleString('en')}: ${result.begins.ratio} times as long.`;
process.stdout.write(`${process.argv.includes('--json') ? JSON.stringify(result, null, 2) : text}\n`);

function rounded(value: number): number {
  return Math.round(value * 100) / 100;
}
