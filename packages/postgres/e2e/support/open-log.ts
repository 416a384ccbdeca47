import type { RunLog } from '@chat-transport/core/provider';
import { postgresLog } from '../../src/index.ts';
import { openPool, pgListen, pgQuery } from '../../test/support/pg.ts';

/** A log as one process has it, with a clock that is so far ahead. */
export async function openLog(url: string, aheadMs: number): Promise<{ log: RunLog; close(): Promise<void> }> {
  const pool = openPool(url);
  const log = postgresLog({ query: pgQuery(pool), listen: pgListen(url), now: () => Date.now() + aheadMs });
  return {
    log,
    async close() {
      await log.close();
      await pool.end();
    },
  };
}
