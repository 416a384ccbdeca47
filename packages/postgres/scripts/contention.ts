// Twenty clients of four processes that begin 2,000 runs on one chat, behind pgbouncer in transaction mode: `pnpm contention`, `pnpm -s contention --json`.
import { startPgbouncer, startPostgres } from '@chat-transport/local-services';
import { contend } from '../e2e/support/contention.ts';
import { schemaSql } from '../src/index.ts';
import { openPool } from '../test/support/pg.ts';

const processes = 4;
const clients = 5;
const begins = 100;

const server = await startPostgres();
const bouncer = await startPgbouncer(server.port);
const pool = openPool(server.url);
await pool.query(schemaSql());
await pool.end();
const { turns, tookMs, statements, failures, seconds } = await contend({
  ...{ url: bouncer.url, chatId: 'busy', processes, clients, begins },
});
await bouncer.close();
await server.close();

tookMs.sort((a, b) => a - b);
const at = (share: number): number => Math.round(tookMs[Math.ceil(share * tookMs.length) - 1] ?? 0);
const result = {
  ...{ processes, clients: processes * clients, begins: processes * clients * begins, started: turns.length, failures },
  doubleTurns: turns.length - new Set(turns).size,
  seconds: Math.round(seconds * 10) / 10,
  tookMs: { p50: at(0.5), p99: at(0.99), longest: at(1) },
  statements: {
    mean: Math.round(statements.reduce((a, b) => a + b, 0) / statements.length),
    most: Math.max(...statements),
  },
};
const { p50, p99, longest } = result.tookMs;
const text = `${result.clients} clients of ${processes} processes began ${result.started} of ${result.begins} runs on one chat in ${result.seconds} s: ${result.doubleTurns} double turns, ${failures.length} given up. A begin took ${p50} ms (median), ${p99} ms (99 %), ${longest} ms (longest), and ${result.statements.mean} statements (mean), ${result.statements.most} (most).`;
process.stdout.write(`${process.argv.includes('--json') ? JSON.stringify(result, null, 2) : text}\n`);
if (failures.length > 0 || result.doubleTurns > 0) process.exitCode = 1;
