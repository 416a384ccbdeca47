import { pgliteDatabase } from '@chat-transport/local-services';
import { PGlite } from '@electric-sql/pglite';
import type { HarnessProject } from './harness.ts';
import { openProject, projectSql } from './supabase-project.ts';

/** A project on a PGlite in this process, and a chat server's way to it. */
export async function startPgliteProject(
  messagesPerSecond = 1_000_000,
): Promise<HarnessProject & { close(): Promise<void> }> {
  const db = await PGlite.create();
  for (const sql of projectSql) await db.exec(sql);
  const project = await openProject(pgliteDatabase(db), (sql) => db.exec(sql), { messagesPerSecond });
  return {
    project,
    query: async (text, values) => (await db.query<Record<string, unknown>>(text, [...values])).rows,
    listen: (channel, onNotice) => db.listen(channel, onNotice),
    async close() {
      await project.close();
      await db.close();
    },
  };
}
