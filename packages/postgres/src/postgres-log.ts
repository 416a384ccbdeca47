import { createStoreLog, type RunLog } from '@chat-transport/core/provider';
import type { PostgresListen, PostgresQuery } from './postgres-client.ts';
import { noticeChannel } from './postgres-listener.ts';
import { defaultPollMs } from './postgres-notices.ts';
import { createPostgresStore, type RunStatement } from './postgres-store.ts';
import { defaultSchema } from './schema.ts';
import { createStatements, type Statements } from './statements.ts';

/** Options of `postgresLog`. */
export interface PostgresLogOptions {
  /** Your client, as one function. */
  readonly query: PostgresQuery;
  /** Hears other processes' notices, on a direct connection. Without it, one poll per process looks for their changes. */
  readonly listen?: PostgresListen | undefined;
  /** How often a poll looks at the chats that somebody waits for, while no notices arrive, in milliseconds. @default defaultPollMs */
  readonly pollMs?: number | undefined;
  /** Where the log's tables are. @default defaultSchema */
  readonly schema?: string | undefined;
  /** How long an ended run is kept, in milliseconds. @default defaultRetentionMs of core */
  readonly retentionMs?: number | undefined;
  /** The log's clock, in milliseconds. Default: the database's, which all processes share. For tests. */
  readonly now?: (() => number) | undefined;
}

/**
 * A run log in Postgres, for any number of processes. The tables are made by `schema.sql` or `schemaSql`; they are checked at the first use.
 * Calls reject with `ChatTransportError` `provider-failed`: retryable where Postgres did not answer, otherwise where the tables are missing.
 */
export function postgresLog(options: PostgresLogOptions): RunLog {
  const { query, schema = defaultSchema, listen, pollMs = defaultPollMs, now, retentionMs } = options;
  const statements = createStatements(schema, { notify: listen && notifySql });
  const store = createPostgresStore({ run: runStatements(query, statements), schema, listen, pollMs, now });
  return createStoreLog({ name: 'postgresLog', store, retentionMs });
}

/** SQL that notifies other processes of a change in a chat. */
export function notifySql(chatId: string): string {
  return `pg_notify('${noticeChannel}', 'c ' || ${chatId})`;
}

/** Runs the statements by `query`. */
export function runStatements(query: PostgresQuery, statements: Statements): RunStatement {
  const all = { ...statements, notify: `select pg_notify('${noticeChannel}', $1::text)::text as answer` };
  return async (name, values, keys) => {
    const text = all[name];
    const [row] = await query(typeof text === 'function' ? text(keys) : text, values);
    return row && String(row.answer);
  };
}
