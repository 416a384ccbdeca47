import pg from 'pg';
import type { PostgresListen, PostgresQuery } from '../../src/index.ts';

/** The adapter of the README, for `pg`. */
export function pgQuery(pool: pg.Pool): PostgresQuery {
  return async (text, values) => (await pool.query(text, [...values])).rows;
}

/** The listening half of the README, for `pg`. */
export function pgListen(connectionString: string): PostgresListen {
  return async (channel, onNotice, onLost) => {
    const client = new pg.Client({ connectionString });
    client.on('notification', ({ payload = '' }) => onNotice(payload));
    // The end of a connection may come with an error, which would end the process where nobody listens to it.
    client.on('error', () => {}).on('end', onLost);
    await client.connect();
    await client.query(`listen ${channel}`);
    return () => client.end();
  };
}

/** A pool whose idle connections may be cut. */
export function openPool(connectionString: string, options: pg.PoolConfig = {}): pg.Pool {
  return new pg.Pool({ connectionString, max: 5, ...options }).on('error', () => {});
}
