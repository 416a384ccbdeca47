import { describeRunLogContract } from '@chat-transport/contract';
import { type PgliteDatabase, startPglite } from '@chat-transport/local-services';
import { afterAll, beforeAll } from 'vitest';
import { createHarness, supports } from './support/log-harness.ts';

let db: PgliteDatabase;
beforeAll(async () => {
  db = await startPglite();
});
afterAll(() => db.close());

describeRunLogContract({
  name: 'postgresLog on PGlite, with LISTEN',
  supports,
  createHarness: () => createHarness(db),
});
describeRunLogContract({
  name: 'postgresLog on PGlite, by polling',
  supports,
  createHarness: () => createHarness({ ...db, listen: undefined }),
});
