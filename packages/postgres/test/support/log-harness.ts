import type { LogHarness } from '@chat-transport/contract';
import { defaultRetentionMs, type RunLog } from '@chat-transport/core/provider';
import { type PostgresListen, type PostgresQuery, postgresLog, schemaSql } from '../../src/index.ts';

/** A database of a test, as its driver reaches it. */
export interface TestDatabase {
  readonly query: PostgresQuery;
  readonly listen?: PostgresListen | undefined;
  /** Runs SQL of several statements. */
  exec(sql: string): PromiseLike<unknown>;
}

let schemas = 0;

/** A log in a schema of its own. */
export async function createHarness({ query, listen, exec }: TestDatabase): Promise<LogHarness> {
  const schema = `test_${process.pid}_${schemas++}`;
  await exec(schemaSql({ schema }));
  let aheadMs = 0;
  const logs: RunLog[] = [];
  const open = (): RunLog => {
    const opened = postgresLog({ query, listen, schema, now: () => Date.now() + aheadMs });
    logs.push(opened);
    return opened;
  };
  const log = open();
  return {
    log,
    retentionMs: defaultRetentionMs,
    async advance(ms) {
      aheadMs += ms;
    },
    second: async () => open(),
    async reopen() {
      await log.close();
      return open();
    },
    async dispose() {
      for (const each of logs) await each.close();
      await exec(`drop schema ${schema} cascade`);
    },
  };
}

/** What logs in Postgres can show. */
export const supports = { clock: true, shared: true, durable: true } as const;
