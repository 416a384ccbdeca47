import { describeRunLogContract } from '@chat-transport/contract';
import { PGlite } from '@electric-sql/pglite';
import { afterAll, beforeAll } from 'vitest';
import { createHarness, supports } from './support/log-harness.ts';
import { pgliteTestDatabase } from './support/pglite.ts';

let db: PGlite;
beforeAll(async () => {
  db = await PGlite.create();
});
afterAll(() => db.close());

describeRunLogContract({
  name: 'postgresLog on PGlite, with LISTEN',
  supports,
  createHarness: () => createHarness(pgliteTestDatabase(db)),
});
describeRunLogContract({
  name: 'postgresLog on PGlite, by polling',
  supports,
  createHarness: () => createHarness({ ...pgliteTestDatabase(db), listen: undefined }),
});
