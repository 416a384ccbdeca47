import { type PostgresServer, startPostgres } from '@chat-transport/local-services';
import { afterAll, beforeAll } from 'vitest';
import { describeKilledWriters } from '../../core/test/server/continuation/killed-writers.ts';
import { schemaSql } from '../src/index.ts';
import { openPool } from '../test/support/pg.ts';
import { openLog } from './support/open-log.ts';

let server: PostgresServer;
beforeAll(async () => {
  server = await startPostgres();
  const pool = openPool(server.url);
  await pool.query(schemaSql());
  await pool.end();
});
afterAll(() => server.close());

describeKilledWriters({
  name: 'postgres',
  script: new URL('support/killed-writer.ts', import.meta.url),
  place: () => server.url,
  open: openLog,
  // The test of SQLite has each of them.
});
