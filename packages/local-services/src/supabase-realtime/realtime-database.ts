import pg from 'pg';

/** Runs one statement. */
export type RunSql = (text: string, values?: readonly unknown[]) => Promise<readonly Record<string, unknown>[]>;

/** The database that emulated Realtime belongs to. Whoever opened it closes it. */
export interface RealtimeDatabase {
  readonly query: RunSql;
  /** Runs statements in one transaction and rolls it back. */
  tryOut<T>(work: (query: RunSql) => Promise<T>): Promise<T>;
  /** Listens to notices on a channel; answers how to stop. */
  listen(channel: string, onNotice: (payload: string) => void): Promise<() => Promise<void>>;
  close(): Promise<void>;
}

/** A Postgres, as its superuser. */
export function postgresDatabase(url: string): RealtimeDatabase {
  const pool = new pg.Pool({ connectionString: url, max: 4 });
  // A Postgres that ends takes its idle connections along.
  pool.on('error', () => {});
  const runOn =
    (target: pg.Pool | pg.PoolClient): RunSql =>
    async (text, values = []) =>
      (await target.query(text, [...values])).rows;
  return {
    query: runOn(pool),
    async tryOut(work) {
      const client = await pool.connect();
      try {
        await client.query('begin');
        return await work(runOn(client));
      } finally {
        await client.query('rollback').catch(() => {});
        client.release();
      }
    },
    async listen(channel, onNotice) {
      const client = new pg.Client(url);
      client.on('error', () => {});
      client.on('notification', ({ payload = '' }) => onNotice(payload));
      await client.connect();
      await client.query(`listen ${channel}`);
      return () => client.end();
    },
    close: () => pool.end(),
  };
}
