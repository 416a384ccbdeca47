import pg from 'pg';

/** Runs one statement. */
export type RunSql = (text: string, values?: readonly unknown[]) => Promise<readonly Record<string, unknown>[]>;

/** The database that emulated Realtime belongs to. */
export interface RealtimeDatabase {
  readonly query: RunSql;
  /** Runs statements in one transaction and rolls it back. */
  tryOut<T>(work: (query: RunSql) => Promise<T>): Promise<T>;
  /** Listens to notices on a channel; answers how to stop. */
  listen(channel: string, onNotice: (payload: string) => void): Promise<() => Promise<void>>;
  close(): Promise<void>;
}

/** What is used of `@electric-sql/pglite`. */
export interface PGliteLike {
  query(text: string, values?: unknown[]): Promise<{ rows: unknown[] }>;
  transaction<T>(work: (tx: { query: PGliteLike['query']; rollback(): Promise<void> }) => Promise<T>): Promise<unknown>;
  listen(channel: string, onNotice: (payload: string) => void): Promise<(...none: never[]) => Promise<void>>;
}

/** A PGlite in this process. `close` leaves it open. */
export function pgliteDatabase(db: PGliteLike): RealtimeDatabase {
  const runOn =
    (target: Pick<PGliteLike, 'query'>): RunSql =>
    async (text, values = []) =>
      (await target.query(text, [...values])).rows as Record<string, unknown>[];
  return {
    query: runOn(db),
    async tryOut(work) {
      let result: Awaited<ReturnType<typeof work>> | undefined;
      await db.transaction(async (transaction) => {
        result = await work(runOn(transaction));
        await transaction.rollback();
      });
      return result as Awaited<ReturnType<typeof work>>;
    },
    async listen(channel, onNotice) {
      const stop = await db.listen(channel, onNotice);
      return () => stop();
    },
    close: async () => {},
  };
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
