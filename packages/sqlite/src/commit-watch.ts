import type { DatabaseSync } from 'node:sqlite';

/**
 * How often a waiting log looks for other processes' commits, in milliseconds. One look reads one number from shared
 * memory.
 */
const commitPollMs = 20;

/** Calls `onCommit` when another connection has committed, until the answer is called. */
export function watchCommits(database: DatabaseSync, onCommit: () => void): () => void {
  const statement = database.prepare('pragma data_version');
  let seen: unknown;
  // A database that cannot be read counts as news: those who wait then meet the error themselves.
  const read = (): unknown => {
    try {
      return statement.get()?.data_version;
    } catch {
      return undefined;
    }
  };
  const look = (): void => {
    const version = read();
    // The first look always counts: a commit may have come between the caller's own look and this one.
    if (version !== seen || version === undefined) onCommit();
    seen = version;
  };
  const timer = setInterval(look, commitPollMs);
  return () => clearInterval(timer);
}
