import { type PostgresServer, postgresDatabase, startPostgres } from '@chat-transport/local-services';
import pg from 'pg';
import type { HarnessProject } from '../../test/support/harness.ts';
import { openProject, projectSql, type SupabaseProject } from '../../test/support/supabase-project.ts';

/** A project on Debian's Postgres, and a chat server's way to it. */
export interface PostgresProject extends HarnessProject {
  readonly project: SupabaseProject;
  readonly server: PostgresServer;
  close(): Promise<void>;
}

export async function startPostgresProject(): Promise<PostgresProject> {
  const server = await startPostgres({ settings: { max_connections: 200 } });
  const pool = new pg.Pool({ connectionString: server.url, max: 10 }).on('error', () => {});
  for (const sql of projectSql) await pool.query(sql);
  const database = postgresDatabase(server.url);
  const project = await openProject(database, (sql) => pool.query(sql), { messagesPerSecond: 1_000_000 });
  return {
    server,
    project,
    query: async (text, values) => (await pool.query(text, [...values])).rows,
    async listen(channel, onNotice, onLost) {
      const client = new pg.Client({ connectionString: server.url });
      client.on('notification', ({ payload = '' }) => onNotice(payload));
      client.on('error', () => {}).on('end', onLost);
      await client.connect();
      await client.query(`listen ${channel}`);
      return () => client.end();
    },
    async close() {
      await project.close();
      await database.close();
      await pool.end();
      await server.close();
    },
  };
}
