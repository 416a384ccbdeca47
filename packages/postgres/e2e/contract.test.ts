import { describeRunLogContract } from '@chat-transport/contract';
import {
  type PgbouncerServer,
  type PostgresServer,
  startPgbouncer,
  startPostgres,
} from '@chat-transport/local-services';
import type pg from 'pg';
import postgres from 'postgres';
import { afterAll, beforeAll } from 'vitest';
import { createHarness, supports } from '../test/support/log-harness.ts';
import { openPool, pgListen, pgQuery } from '../test/support/pg.ts';

let server: PostgresServer;
let bouncer: PgbouncerServer;
let pool: pg.Pool;
let pooled: pg.Pool;
let sql: postgres.Sql;
beforeAll(async () => {
  server = await startPostgres();
  bouncer = await startPgbouncer(server.port);
  pool = openPool(server.url);
  pooled = openPool(bouncer.url);
  sql = postgres(server.url, { max: 5, onnotice: () => {} });
});
afterAll(async () => {
  await Promise.all([pool.end(), pooled.end(), sql.end()]);
  await bouncer.close();
  await server.close();
});

describeRunLogContract({
  name: 'postgresLog on pg, with LISTEN',
  supports,
  createHarness: () =>
    createHarness({ query: pgQuery(pool), listen: pgListen(server.url), exec: (text) => pool.query(text) }),
});
describeRunLogContract({
  name: 'postgresLog on postgres.js, with LISTEN',
  supports,
  createHarness: () =>
    createHarness({
      query: (text, values) => sql.unsafe(text, [...values]),
      listen: async (channel, onNotice, onLost) => {
        // postgres.js listens again by itself after a lost connection, and calls this each time that it listens.
        let isFirst = true;
        const { unlisten } = await sql.listen(channel, onNotice, () => {
          if (!isFirst) onLost();
          isFirst = false;
        });
        return unlisten;
      },
      exec: (text) => sql.unsafe(text).simple(),
    }),
});
describeRunLogContract({
  name: 'postgresLog on pgbouncer in transaction mode, by polling',
  supports,
  createHarness: () => createHarness({ query: pgQuery(pooled), exec: (text) => pooled.query(text) }),
});
