import { startPglite } from '@chat-transport/local-services';
import type { HarnessProject } from './harness.ts';
import { openProject, projectSql, type SupabaseProject } from './supabase-project.ts';

/** A project on a PGlite in this process, and a chat server's way to it. */
export interface PgliteProject extends HarnessProject {
  readonly project: SupabaseProject;
  close(): Promise<void>;
}

export async function startPgliteProject(messagesPerSecond = 1_000_000): Promise<PgliteProject> {
  const db = await startPglite();
  for (const sql of projectSql) await db.exec(sql);
  const project = await openProject(db, db.exec, { messagesPerSecond });
  return {
    project,
    query: db.query,
    listen: db.listen,
    async close() {
      await project.close();
      await db.close();
    },
  };
}
