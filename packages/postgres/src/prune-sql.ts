import { defaultRetentionMs, parkedCommandTtlMs } from '@chat-transport/core/provider';
import { defaultSchema } from './schema.ts';
import { createStatements } from './statements.ts';

/**
 * SQL that deletes what is past its retention, for a job in the database itself (pg_cron). It deletes as `sweep` does, and nothing else of it: nobody
 * learns of runs whose process died. Each call empties up to 500 runs.
 */
export function pruneSql({
  schema = defaultSchema,
  retentionMs = defaultRetentionMs,
}: {
  readonly schema?: string | undefined;
  /** How long an ended run is kept, in milliseconds: the log has the same. @default defaultRetentionMs of core */
  readonly retentionMs?: number | undefined;
} = {}): string {
  const values = ['null', `'${retentionMs}'`, `'${parkedCommandTtlMs}'`, 'null'];
  return createStatements(schema).prune.replace(/\$(\d)/g, (_, place) => String(values[Number(place) - 1]));
}
