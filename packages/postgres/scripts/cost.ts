// What appended frames cost Debian's Postgres: HOT updates, WAL and time. `pnpm cost`, `pnpm -s cost --json`.
import { startPostgres, until } from '@chat-transport/local-services';
import { postgresLog, schemaSql } from '../src/index.ts';
import { openPool, pgQuery } from '../test/support/pg.ts';

const runs = 20;
const framesPerRun = 250;
const delta = 'some words of an answer, as they come in a tenth of a second ';

const server = await startPostgres();
const pool = openPool(server.url, { max: runs });
await pool.query(schemaSql());
const log = postgresLog({ query: pgQuery(pool) });
const keys = Array.from({ length: runs }, (_, index) => ({ chatId: `chat${index}`, runId: 'r' }));
for (const key of keys) {
  await log.begin({
    ...{ ...key, digest: 'd', messages: [], onBusy: 'reject', leaseMs: 60_000, fence: 'f' },
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
await log.close();
await pool.end();
await server.close();

const result = {
  frames,
  framesPerSecond: Math.round(frames / seconds),
  walBytesPerFrame: walPerFrame,
  hotUpdates: counts.hot / counts.updates,
};
const text = `${frames} frames of ${runs} runs, one after the other in each run: ${result.framesPerSecond} per second, ${walPerFrame} bytes of WAL per frame, ${(100 * result.hotUpdates).toFixed(1)} % HOT updates.`;
process.stdout.write(`${process.argv.includes('--json') ? JSON.stringify(result, null, 2) : text}\n`);
