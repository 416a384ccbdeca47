import {
  type PgbouncerServer,
  type PostgresServer,
  startPgbouncer,
  startPostgres,
} from '@chat-transport/local-services';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { schemaSql } from '../src/index.ts';
import { openPool } from '../test/support/pg.ts';
import { contend } from './support/contention.ts';

let server: PostgresServer;
let bouncer: PgbouncerServer;
beforeAll(async () => {
  server = await startPostgres();
  bouncer = await startPgbouncer(server.port);
  const pool = openPool(server.url);
  await pool.query(schemaSql());
  await pool.end();
});
afterAll(async () => {
  await bouncer.close();
  await server.close();
});

it('twenty clients of four processes begin 2,000 runs on one chat, each with a turn of its own, and each begin is served in its turn', async () => {
  const { turns, failures, statements } = await contend({
    ...{ url: bouncer.url, chatId: 'busy', processes: 4, clients: 5, begins: 100 },
  });
  expect(failures).toEqual([]);
  expect(turns.sort((a, b) => a - b)).toEqual(Array.from({ length: 2_000 }, (_, index) => index + 1));
  // Nobody is passed over: 19 others are in front at most. Without a queue, the unluckiest used 50 attempts. `pnpm contention` prints how long they took.
  expect(Math.max(...statements)).toBeLessThan(150);
  const pool = openPool(server.url);
  const { rows } = await pool.query(`select name from chat_transport.claims`);
  await pool.end();
  expect(rows).toEqual([]);
}, 300_000);

it('a writer that dies in the queue holds the others up until its place ends', async () => {
  const pool = openPool(server.url);
  await pool.query(
    `insert into chat_transport.claims (chat_id, name, owner, until)
      values ('dead', 'place:0', '', (extract(epoch from clock_timestamp()) * 1000)::bigint + 2000)`,
  );
  await pool.end();
  const { turns, failures } = await contend({
    ...{ url: bouncer.url, chatId: 'dead', processes: 2, clients: 1, begins: 2 },
  });
  expect({ turns: turns.sort(), failures }).toEqual({ turns: [1, 2, 3, 4], failures: [] });
});
